/** Segments of a transcript: which one is heard, which are found, which the engine was not sure of. */
import type { TranscriptSegment } from '../../../../protocol/transcript.ts';

/** The segment at this time, or the last one before it; -1 before the first. */
export function segmentAt(segments: readonly TranscriptSegment[], seconds: number): number {
  let [low, high] = [0, segments.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (segments[middle]!.start_seconds <= seconds) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Indexes of the segments that contain the text, whatever its case. */
export function found(segments: readonly TranscriptSegment[], text: string): number[] {
  const needle = text.trim().toLowerCase();
  if (needle === '') return [];
  return segments.flatMap((segment, index) => (segment.text.toLowerCase().includes(needle) ? [index] : []));
}

/** `at`: its place in the text. */
export type TextPart = { at: number; text: string; searched: boolean };

/** The text, divided where what was searched begins and ends. */
export function parts(text: string, searched: string): TextPart[] {
  const needle = searched.trim().toLowerCase();
  const lower = text.toLowerCase();
  // Lower case may have another length, and its places are then not those of the text.
  if (needle === '' || lower.length !== text.length) return [{ at: 0, text, searched: false }];
  const all: TextPart[] = [];
  const add = (from: number, to: number, isSearched: boolean) => {
    if (to > from) all.push({ at: from, text: text.slice(from, to), searched: isSearched });
  };
  let from = 0;
  for (let at = lower.indexOf(needle); at >= 0; at = lower.indexOf(needle, from)) {
    add(from, at, false);
    from = at + needle.length;
    add(at, from, true);
  }
  add(from, text.length, false);
  return all;
}

const CONFIDENCE_LOW = 0.6;

export const unsure = ({ confidence }: TranscriptSegment): boolean =>
  confidence !== null && confidence < CONFIDENCE_LOW;

/** How much is spoken in each of `count` equal parts of the recording, 0.04 to 1: its outline before it is decoded. */
export function outline(segments: readonly TranscriptSegment[], duration_seconds: number, count: number): number[] {
  const spoken = new Array<number>(count).fill(0);
  const part_seconds = duration_seconds / count;
  if (!(part_seconds > 0)) return spoken;
  for (const { start_seconds, end_seconds } of segments) {
    const first = Math.max(0, Math.floor(start_seconds / part_seconds));
    const last = Math.min(count - 1, Math.floor(end_seconds / part_seconds));
    for (let part = first; part <= last; part++) {
      const from = Math.max(start_seconds, part * part_seconds);
      const to = Math.min(end_seconds, (part + 1) * part_seconds);
      spoken[part]! += Math.max(0, to - from) / part_seconds;
    }
  }
  return spoken.map((share) => 0.04 + 0.96 * Math.min(1, share));
}
