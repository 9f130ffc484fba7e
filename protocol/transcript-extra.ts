/**
 * What an engine reports beyond what transcripts have a field for: `extra`. It is kept as far as it fits: fields that are too
 * large, or nested too deeply, are left out one by one, the largest first.
 */
import type { TranscriptExtra } from './transcript.ts';

export const EXTRA_FIELDS_MAX = 64;
/** Of the transcript, as JSON. */
export const EXTRA_BYTES_MAX = 64 * 1024;
/** Of one segment. */
export const SEGMENT_EXTRA_BYTES_MAX = 8 * 1024;
/** Of all segments together. */
export const SEGMENTS_EXTRA_BYTES_MAX = 8 * 1024 * 1024;
/** Of objects and lists in each other: what is deeper is left out. */
const DEPTH_MAX = 8;
export const SPEAKER_LENGTH_MAX = 200;

/** The fields that fit into so many bytes, in their order; undefined if there are none. */
export function fittingExtra(fields: TranscriptExtra, bytes_max: number): TranscriptExtra | undefined {
  const sized = Object.entries(fields)
    .filter(([, value]) => value !== undefined && !isDeeper(value, DEPTH_MAX))
    .map(([name, value]) => ({ name, value, bytes: extraBytes({ [name]: value }) }));
  let total = 0;
  const kept = new Set<string>();
  for (const { name, bytes } of [...sized].sort((a, b) => a.bytes - b.bytes)) {
    if (kept.size >= EXTRA_FIELDS_MAX || total + bytes > bytes_max) break;
    kept.add(name);
    total += bytes;
  }
  if (kept.size === 0) return undefined;
  return Object.fromEntries(sized.filter(({ name }) => kept.has(name)).map(({ name, value }) => [name, value]));
}

function isDeeper(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return depth === 0 || Object.values(value).some((one) => isDeeper(one, depth - 1));
}

/** As JSON in UTF-8. */
export const extraBytes = (extra: TranscriptExtra): number => new TextEncoder().encode(JSON.stringify(extra)).length;

export type ExtraHolder = { extra?: TranscriptExtra; segments: readonly { extra?: TranscriptExtra }[] };

/** Where a transcript has more than its limits allow, as a JSON pointer, and why; null if nowhere. */
export function excessOfExtra({ extra = {}, segments }: ExtraHolder): { field: string; message: string } | null {
  if (extraBytes(extra) > EXTRA_BYTES_MAX) return { field: '/extra', message: tooLarge(EXTRA_BYTES_MAX) };
  let total = 0;
  for (const [at, segment] of segments.entries()) {
    if (segment.extra === undefined) continue;
    const bytes = extraBytes(segment.extra);
    total += bytes;
    const field = `/segments/${at}/extra`;
    if (bytes > SEGMENT_EXTRA_BYTES_MAX) return { field, message: tooLarge(SEGMENT_EXTRA_BYTES_MAX) };
    if (total > SEGMENTS_EXTRA_BYTES_MAX)
      return { field, message: `makes more than ${SEGMENTS_EXTRA_BYTES_MAX} bytes of JSON of all segments` };
  }
  return null;
}

const tooLarge = (bytes: number): string => `is more than ${bytes} bytes of JSON`;
