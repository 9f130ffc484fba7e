/**
 * SubRip, WebVTT, and the lines that Whisper programs print:
 *
 *     1                                WEBVTT                          [00:00:00.000 --> 00:00:02.500]   Hello there.
 *     00:00:00,000 --> 00:00:02,500
 *     Hello there.                     00:00.000 --> 00:02.500 align:start
 *                                      <v Ann>Hello there.
 *
 * Numbers, comments, styles and settings are left out, as are tags, of which `<v NAME>` says who speaks; entities become
 * characters. A cue in which two speak is two segments, each with its share of the time.
 */

import { readTime } from './times.ts';
import type { WrittenSegment, WrittenTranscript } from './written.ts';

const TIME = String.raw`(?:\d{1,4}:)?\d{1,2}:\d{2}(?:[.,]\d{1,6})?`;
const CUE = new RegExp(String.raw`^\s*(${TIME})\s*-->\s*(${TIME})(?:\s+\S.*)?\s*$`);
const PRINTED = new RegExp(String.raw`^\s*\[\s*(${TIME})\s*-->\s*(${TIME})\s*\]\s?(.*)$`);
/** Times are looked for in the first lines: a transcript that is text may quote one later. */
const LINES_LOOKED_AT = 40;

/** Null if the text has no cues at its beginning. */
export function readCues(text: string): WrittenTranscript | null {
  const lines = text.split(/\r\n|\n|\r/);
  const vtt = /^\s*WEBVTT(?:[ \t].*)?$/.test(lines[0]!);
  const first = lines.find((line) => line.trim() !== '');
  if (first === undefined) return null;
  if (PRINTED.test(first)) return asWritten(readPrinted(lines));
  const start = lines.slice(0, LINES_LOOKED_AT).findIndex((line) => CUE.test(line));
  // Before the first time of SubRip there is its number at most.
  const begins = lines.slice(0, Math.max(0, start)).every((line) => /^\s*\d*\s*$/.test(line));
  if (vtt || (start !== -1 && begins)) return asWritten(readBlocks(lines));
  return null;
}

function readPrinted(lines: readonly string[]): WrittenSegment[] {
  const segments: WrittenSegment[] = [];
  for (const line of lines) {
    const [, from, to, said] = PRINTED.exec(line) ?? [];
    if (said !== undefined) segments.push(cueOf(from!, to!, said));
    else if (segments.length > 0) segments.at(-1)!.text += ` ${line}`;
  }
  return segments;
}

/** A cue ends at a blank line, or where the next time is: some writers leave the blank line out. */
function readBlocks(lines: readonly string[]): WrittenSegment[] {
  const segments: WrittenSegment[] = [];
  let open: WrittenSegment | undefined;
  for (const [at, line] of lines.entries()) {
    const [, from, to] = CUE.exec(line) ?? [];
    if (from !== undefined) {
      open = cueOf(from, to!, '');
      segments.push(open);
    } else if (line.trim() === '') open = undefined;
    else if (open !== undefined && !isNumberOf(lines, at)) open.text += `${open.text === '' ? '' : ' '}${line}`;
  }
  return segments.flatMap(byVoice);
}

const VOICE = /<v(?:\.[^\s<>]*)?[ \t]+([^<>]*)>/;

/** A segment for each voice of a cue. */
function byVoice(cue: WrittenSegment): WrittenSegment[] {
  // What is before the first voice is nobody's; then names and texts take turns.
  const [before = '', ...voices] = cue.text.split(VOICE);
  const said = [{ text: plain(before), speaker: '' }];
  for (let at = 0; at < voices.length; at += 2)
    said.push({ text: plain(voices[at + 1]!), speaker: plain(voices[at]!).trim() });
  const spoken = said.filter(({ text }) => text.trim() !== '');
  if (spoken.length === 0) return [{ ...cue, text: '' }];
  const characters = spoken.reduce((sum, { text }) => sum + text.length, 0);
  const [from, to] = [cue.start_seconds ?? 0, cue.end_seconds ?? cue.start_seconds ?? 0];
  let done = 0;
  return spoken.map(({ text, speaker }) => {
    const start_seconds = from + ((to - from) * done) / characters;
    done += text.length;
    const end_seconds = from + ((to - from) * done) / characters;
    const times = spoken.length === 1 ? {} : { start_seconds, end_seconds };
    return { ...cue, ...times, text, ...(speaker === '' ? {} : { speaker }) };
  });
}

/** A line with a number alone, before a time: of the next cue. */
const isNumberOf = (lines: readonly string[], at: number): boolean =>
  /^\s*\d+\s*$/.test(lines[at]!) && CUE.test(lines[at + 1] ?? '');

function cueOf(from: string, to: string, text: string): WrittenSegment {
  return {
    start_seconds: readTime(from) ?? null,
    end_seconds: readTime(to) ?? null,
    text,
    confidence: null,
  };
}

const ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  nbsp: ' ',
  lrm: '',
  rlm: '',
};

function plain(line: string): string {
  return line
    .replace(/<\/?[a-z0-9:.][^<>]*>/gi, '')
    .replace(/&(amp|lt|gt|quot|nbsp|lrm|rlm);/g, (_, name: string) => ENTITIES[name]!)
    .replace(/\s+/g, ' ');
}

const asWritten = (segments: WrittenSegment[]): WrittenTranscript => ({
  segments,
  language: null,
  duration_seconds: null,
});
