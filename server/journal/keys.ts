/** Builds and parses every key of the journal. Numbers have twenty digits, so that byte order is numeric order. */

export const FORMAT_KEY = 'meta/format.json';
/** The head mark: see traces.ts. */
export const HEAD_KEY = 'meta/head.json';
export const SEGMENTS = 'journal/';
export const SNAPSHOTS = 'snapshots/';

const digits = (seq: number): string => String(seq).padStart(20, '0');

export const segmentKey = (seq: number): string => `${SEGMENTS}${digits(seq)}.ndjson`;

export const snapshotKey = (seq: number): string => `${SNAPSHOTS}${digits(seq)}.json`;

/** Key of a part of a snapshot's rows; `part` counts from 1. */
export const snapshotPartKey = (seq: number, part: number): string =>
  `${SNAPSHOTS}${digits(seq)}/${String(part).padStart(5, '0')}.ndjson`;

export const parseSegmentKey = (key: string): number | null => parse(/^journal\/(\d{20})\.ndjson$/, key);

export const parseSnapshotKey = (key: string): number | null => parse(/^snapshots\/(\d{20})\.json$/, key);

export const parseSnapshotPartKey = (key: string): number | null => parse(/^snapshots\/(\d{20})\/\d{5}\.ndjson$/, key);

function parse(pattern: RegExp, key: string): number | null {
  const match = pattern.exec(key);
  if (!match) return null;
  const seq = Number(match[1]);
  return Number.isSafeInteger(seq) ? seq : null;
}
