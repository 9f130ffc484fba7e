/**
 * Lines of start, end and text with tabs between them: Whisper's `--output_format tsv` (a line of names, milliseconds) and
 * Audacity's labels (no names, seconds with decimals).
 */
import type { WrittenTranscript } from './written.ts';

const LINE = /^\s*(-?\d+(?:\.\d+)?)\t\s*(-?\d+(?:\.\d+)?)\t(.*)$/;

/** Null if a line is something else. */
export function readColumns(text: string): WrittenTranscript | null {
  const lines = text.split(/\r\n|\n|\r/).filter((line) => line.trim() !== '');
  const named = /^\s*start\tend\ttext\s*$/i.test(lines[0] ?? '');
  const rows = lines.slice(named ? 1 : 0).map((line) => LINE.exec(line));
  if (rows.some((row) => row === null) || (rows.length === 0 && !named)) return null;
  const unit = rows.every((row) => !/\./.test(row![1]! + row![2]!)) ? 1000 : 1;
  return {
    segments: rows.map((row) => ({
      start_seconds: Number(row![1]) / unit,
      end_seconds: Number(row![2]) / unit,
      text: row![3]!,
      confidence: null,
    })),
    language: null,
    duration_seconds: null,
  };
}
