/**
 * A segment: one batch of events, the unit of commit.
 *
 *     {"format":1,"journal_id":…,"seq":7,"prev":"<sha256 of segment 6>","batch_id":…,"instance":…,"url":…,"min_reader":1,"count":2,"at":…}
 *     {…event…}
 *     {…event…}
 *     {"sha256":"<of every byte above>","count":2}
 *
 * `prev` chains whole objects, so that a changed, removed or reordered byte anywhere is found. A segment that fails a
 * check is reported by its key and never applied.
 */
import { createHash } from 'node:crypto';
import { corruptObject } from './errors.ts';
import { segmentKey } from './keys.ts';

export const FORMAT = 1;
export const SEGMENT_BYTES_MAX = 4 * 1024 * 1024;
/** `prev` of the first segment. */
export const NO_HASH = '0'.repeat(64);

export type SegmentHeader = {
  format: number;
  journal_id: string;
  seq: number;
  prev: string;
  batch_id: string;
  /** Name and URL of the author. */
  instance: string;
  url: string;
  /** Format that a reader must support to apply it. */
  min_reader: number;
  count: number;
  /** The author's clock, ms since 1970; log time is the maximum up to this segment. */
  at: number;
};

export type Segment = {
  header: SegmentHeader;
  /** One line of JSON per event. */
  lines: readonly string[];
  /** SHA-256 of the whole object: `prev` of the next segment. */
  hash: string;
};

export type EncodedSegment = { bytes: Uint8Array; hash: string };

export function encodeSegment(
  header: Omit<SegmentHeader, 'format' | 'min_reader' | 'count'>,
  lines: readonly string[],
): EncodedSegment {
  const { journal_id, seq, prev, batch_id, instance, url, at } = header;
  const count = lines.length;
  const first = { format: FORMAT, journal_id, seq, prev, batch_id, instance, url, min_reader: FORMAT, count, at };
  const body = Buffer.from(`${JSON.stringify(first)}\n${lines.join('\n')}${count > 0 ? '\n' : ''}`);
  const running = createHash('sha256').update(body);
  const footer = Buffer.from(`${JSON.stringify({ sha256: running.copy().digest('hex'), count })}\n`);
  return { bytes: Buffer.concat([body, footer]), hash: running.update(footer).digest('hex') };
}

/** Checks everything except `prev`, which needs the previous segment. Throws JournalError('corrupt'). */
export function decodeSegment(bytes: Uint8Array, expected: { journal_id: string; seq: number }): Segment {
  const corrupt = (why: string) => corruptObject(segmentKey(expected.seq), `is damaged: ${why}`);
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length === 0 || buffer.at(-1) !== NEWLINE) throw corrupt('it is cut short');
  const footerAt = buffer.lastIndexOf(NEWLINE, buffer.length - 2) + 1;
  const footer = parseObject(buffer.toString('utf8', footerAt));
  const running = createHash('sha256').update(buffer.subarray(0, footerAt));
  if (footer?.sha256 !== running.copy().digest('hex')) throw corrupt('its checksum is wrong');
  const lines = buffer.toString('utf8', 0, footerAt).split('\n');
  lines.pop();
  const header = parseObject(lines.shift() ?? '') as SegmentHeader | null;
  if (!header || typeof header.min_reader !== 'number') throw corrupt('it has no header');
  if (header.min_reader > FORMAT)
    throw corrupt(`it requires format ${header.min_reader}; this version supports up to ${FORMAT}`);
  if (header.journal_id !== expected.journal_id) throw corrupt(`it belongs to journal ${header.journal_id}`);
  if (header.seq !== expected.seq) throw corrupt(`it is segment ${header.seq}`);
  if (header.count !== lines.length || footer.count !== lines.length) throw corrupt('its count is wrong');
  return { header, lines, hash: running.update(buffer.subarray(footerAt)).digest('hex') };
}

const NEWLINE = 0x0a;

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}
