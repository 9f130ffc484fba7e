/** Reads the audit backwards, object by object, and checks it from its first object to the journal. */
import type { AuditEntry } from '../../protocol/audit.ts';
import { parseSegmentKey, SEGMENTS, segmentKey } from '../journal/keys.ts';
import { decodeSegment } from '../journal/segment.ts';
import type { ObjectStore, StoreFinding } from '../objects/store.ts';
import { AUDIT, type AuditObject, decodeAudit, NO_OBJECT, parseAuditKey } from './objects.ts';

/** The objects that may have entries of this segment or earlier ones, newest first; `null`: it is damaged. */
export async function* auditBefore(
  store: ObjectStore,
  { seq, after_date }: { seq: number; after_date: string | null },
): AsyncGenerator<{ key: string; object: AuditObject | null }> {
  const keys: string[] = [];
  const after = after_date === null ? {} : { after: `${AUDIT}date=${after_date}` };
  for await (const { key } of store.list(AUDIT, after)) {
    const parsed = parseAuditKey(key);
    if (parsed && parsed.first_seq <= seq) keys.push(key);
  }
  for (const key of keys.reverse()) {
    const got = await store.get(key);
    if (got.found) yield { key, object: decodeAudit(got.bytes) };
  }
}

/** Entries before this place, newest first. */
export function* entriesBefore(
  { entries }: AuditObject,
  { seq, index }: { seq: number; index: number },
): Generator<AuditEntry> {
  for (let at = entries.length - 1; at >= 0; at -= 1) {
    const entry = entries[at]!;
    if (entry.seq < seq || (entry.seq === seq && entry.index < index)) yield entry;
  }
}

/** Whether each object is whole, follows the one before it, and leads to the journal. */
export async function verifyAudit(store: ObjectStore): Promise<StoreFinding[]> {
  const findings: StoreFinding[] = [];
  const fail = (says: string) =>
    findings.push({ check: 'audit', verdict: 'fail', says, hint: 'Compare it with a copy of the store.' });
  let objects = 0;
  let entries = 0;
  let first: string | null = null;
  let last: { key: string; object: AuditObject } | null = null;
  for await (const { key } of store.list(AUDIT)) {
    const parsed = parseAuditKey(key);
    if (!parsed) continue;
    const got = await store.get(key);
    if (!got.found) continue;
    const object = decodeAudit(got.bytes);
    first ??= parsed.date;
    objects += 1;
    if (!object) {
      fail(`${key} is damaged: its bytes have changed`);
      last = null;
      continue;
    }
    const { header } = object;
    entries += object.entries.length;
    if (header.first_seq !== parsed.first_seq) fail(`${key} is about segment ${header.first_seq}`);
    if (last && header.prev !== last.object.sha256) fail(`${key} does not follow ${last.key}: the chain is broken`);
    else if (last && header.first_seq !== last.object.header.through_seq + 1) {
      fail(`${key} begins at segment ${header.first_seq}, ${last.key} ends at ${last.object.header.through_seq}`);
    } else if (!last && objects === 1 && header.prev === NO_OBJECT && header.first_seq > 1) {
      const says = `segments before ${header.first_seq} were truncated before there was an audit`;
      findings.push({ check: 'audit', verdict: 'pass', says });
    }
    last = { key, object };
  }
  if (objects === 0) return [{ check: 'audit', verdict: 'pass', says: 'there is none yet beside the journal' }];
  if (last) await verifyEnd(store, last, fail);
  if (findings.some(({ verdict }) => verdict === 'fail')) return findings;
  const through = last!.object.header.through_seq;
  const says = `the audit is whole from ${first} to segment ${through}: ${entries} entries in ${objects} objects`;
  return [...findings, { check: 'audit', verdict: 'pass', says }];
}

/** The journal continues where the audit ends. */
async function verifyEnd(
  store: ObjectStore,
  { key, object: { header } }: { key: string; object: AuditObject },
  fail: (says: string) => void,
): Promise<void> {
  const { through_seq, journal_id, segment_hash } = header;
  const got = await store.get(segmentKey(through_seq));
  if (got.found) {
    const { hash } = decodeSegment(got.bytes, { journal_id, seq: through_seq });
    if (hash !== segment_hash) fail(`${key} was made of another segment ${through_seq} than the journal has`);
    return;
  }
  for await (const { key: segment } of store.list(SEGMENTS)) {
    const seq = parseSegmentKey(segment);
    if (seq === null) continue;
    if (seq > through_seq + 1) fail(`${key} ends at segment ${through_seq}, and the journal begins at ${seq}`);
    return;
  }
}
