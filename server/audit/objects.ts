/**
 * The objects of the audit: who did what, in the order of the journal, kept for longer than its segments.
 *
 *     audit/date=2027-01-31/00000000000000000123.ndjson
 *
 *     {"format":1,"journal_id":…,"first_seq":123,"through_seq":456,"prev":"<sha256 of the object before>","segment_hash":"<of segment 456>","count":2}
 *     {"seq":123,"index":0,"at":…,"actor":"key:…","key_id":…,"key_name":…,"event":"KeyCreated","entity":…,"request_id":…,"address":…}
 *     {…}
 *     {"sha256":"<of every byte above>"}
 *
 * Each is created once, under the number of its first segment, so that of several instances one writes it. `prev` chains whole
 * objects across days; `segment_hash` ties the chain to that of the journal.
 */
import { createHash } from 'node:crypto';
import type { AuditEntry } from '../../protocol/audit.ts';
import { DAY_MS, formatTime } from '../../protocol/time.ts';

export const AUDIT = 'audit/';
/** `prev` of the first object. */
export const NO_OBJECT = '0'.repeat(64);

export type AuditHeader = {
  format: 1;
  journal_id: string;
  first_seq: number;
  through_seq: number;
  prev: string;
  segment_hash: string;
  count: number;
};

export type AuditObject = { header: AuditHeader; entries: AuditEntry[]; sha256: string };

const digits = (seq: number): string => String(seq).padStart(20, '0');

/** `at_ms`: log time of its first segment. */
export const auditKey = (at_ms: number, first_seq: number): string => `${datePrefix(at_ms)}${digits(first_seq)}.ndjson`;

export const datePrefix = (at_ms: number): string =>
  `${AUDIT}date=${formatTime(Math.floor(at_ms / DAY_MS) * DAY_MS).slice(0, 10)}/`;

export function parseAuditKey(key: string): { date: string; first_seq: number } | null {
  const [, date, seq] = /^audit\/date=(\d{4}-\d\d-\d\d)\/(\d{20})\.ndjson$/.exec(key) ?? [];
  const first_seq = Number(seq);
  return date !== undefined && Number.isSafeInteger(first_seq) ? { date, first_seq } : null;
}

export function encodeAudit(header: Omit<AuditHeader, 'format' | 'count'>, lines: readonly string[]): Buffer {
  const first = JSON.stringify({ format: 1, ...header, count: lines.length });
  const body = `${[first, ...lines].join('\n')}\n`;
  return Buffer.from(`${body}${JSON.stringify({ sha256: hashOf(body) })}\n`);
}

/** null: its bytes have changed. */
export function decodeAudit(bytes: Uint8Array): AuditObject | null {
  const text = Buffer.from(bytes).toString();
  const footer_at = text.lastIndexOf('\n', text.length - 2) + 1;
  const body = text.slice(0, footer_at);
  if (text.slice(footer_at) !== `${JSON.stringify({ sha256: hashOf(body) })}\n`) return null;
  const [first = '', ...lines] = body.split('\n').slice(0, -1);
  const header = JSON.parse(first) as AuditHeader;
  if (header.count !== lines.length) return null;
  return { header, entries: lines.map((line) => JSON.parse(line) as AuditEntry), sha256: hashOf(bytes) };
}

const hashOf = (bytes: string | Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
