/**
 * Reads progress from a line that a program printed. Recognised, case-insensitively:
 *
 *     chunk 3/12   segment 3 of 12   [3/12] …        chunks done and total; brackets only at the start of the line
 *     percentage=45   "percentage": 45.5             anywhere: the log vocabulary, JOB_PROGRESS job_id=… percentage=45
 *     progress 45   progress: 45   progress = 45%    at the start of the line, or with a colon or equals sign
 *     45%   45%|████   Transcribing: 45.5 %          at the start of the line, or after a label
 *
 * Strict, because many programs also print the transcript, and people say "45%".
 */
import type { EngineProgress } from './engine.ts';

const PIECES = [
  /\b(?:chunk|segment|batch|window)s?\s*[:#=]?\s*(\d{1,7})\s*(?:\/|of)\s*(\d{1,7})\b/i,
  /^\s*\[\s*(\d{1,7})\s*\/\s*(\d{1,7})\s*\]/,
];
const PERCENTAGES = [
  /\b(?:percentage|percent)\b["']?\s*[:=]\s*(\d{1,3}(?:\.\d+)?)(?![\d/.])/i,
  /(?:^\s*progress\s*|\bprogress\b["']?\s*[:=]\s*)(\d{1,3}(?:\.\d+)?)(?![\d/.])/i,
  /^\s*(?:[\w .()-]{1,40}[:=|[]\s*)?(\d{1,3}(?:\.\d+)?)\s?%/,
];

/** Null for any other line. */
export function readProgressLine(line: string): EngineProgress | { percentage: number } | null {
  for (const pattern of PIECES) {
    const [, current, total] = pattern.exec(line) ?? [];
    const current_chunk = Number(current);
    const total_chunks = Number(total);
    if (total_chunks > 0 && current_chunk <= total_chunks) {
      return { percentage: (100 * current_chunk) / total_chunks, current_chunk, total_chunks };
    }
  }
  for (const pattern of PERCENTAGES) {
    const percentage = Number(pattern.exec(line)?.[1] ?? Number.NaN);
    if (percentage <= 100) return { percentage };
  }
  return null;
}
