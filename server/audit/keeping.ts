/**
 * Writes the audit from the journal before its segments are truncated: an object an hour while something happens, and one at
 * the end of each day. Truncation deletes no segment that is not in the audit yet, so a store that takes no object of it keeps
 * the journal instead.
 *
 * Segments that this instance has seen are kept in memory as entries, so that hardly any is read again.
 */
import { createHash } from 'node:crypto';
import { MonitorError } from '../../protocol/errors.ts';
import { DAY_MS, HOUR_MS, parseTime } from '../../protocol/time.ts';
import type { AppliedSegment, Engine } from '../engine.ts';
import { parseSegmentKey, SEGMENTS, segmentKey } from '../journal/keys.ts';
import { decodeSegment } from '../journal/segment.ts';
import type { ObjectStore } from '../objects/store.ts';
import type { JournalEvent } from '../state-machine/events.ts';
import { keptEntries } from './entries.ts';
import { AUDIT, auditKey, decodeAudit, encodeAudit, NO_OBJECT, parseAuditKey } from './objects.ts';

export type AuditKeeperOptions = {
  engine: Pick<Engine, 'state' | 'journal' | 'subscribe'>;
  store: ObjectStore;
  settings: { audit_days: number; retention_ms: number };
};

type Taken = { seq: number; at_ms: number; lines: readonly string[] };
type Last = { key: string; through_seq: number; sha256: string };

const ENTRIES_MAX = 20_000;
const SEGMENTS_MAX = 50_000;
/** Segments in memory: at 50 a second half an hour of them. */
const SEEN_MAX = 100_000;
const READ_AT_ONCE = 16;

export class AuditKeeper {
  readonly #options: AuditKeeperOptions;
  /** Consecutive segments, oldest first. */
  #seen: Taken[] = [];
  /** null: there is none; undefined: not looked for yet. */
  #last: Last | null | undefined;

  constructor(options: AuditKeeperOptions) {
    this.#options = options;
    if (options.settings.audit_days > 0) options.engine.subscribe((segment) => this.#hear(segment));
  }

  /**
   * Writes what is due, and deletes what is too old. Returns the last segment that may be truncated. Throws StoreError, and
   * MonitorError('corrupt') if the journal or the audit is damaged.
   */
  async runOnce(): Promise<number> {
    if (this.#options.settings.audit_days === 0) return Number.POSITIVE_INFINITY;
    this.#last ??= await this.#find();
    while (await this.#write());
    await this.#forget();
    return this.#last?.through_seq ?? 0;
  }

  #hear(segment: AppliedSegment | null): void {
    const next = (this.#seen.at(-1)?.seq ?? 0) + 1;
    if (segment === null || segment.seq !== next) this.#seen = [];
    if (segment === null) return;
    const { seq, at_ms, events } = segment;
    this.#seen.push({ seq, at_ms, lines: this.#linesOf(seq, events) });
    if (this.#seen.length > SEEN_MAX) this.#seen = this.#seen.slice(-SEEN_MAX / 2);
  }

  #linesOf(seq: number, events: readonly JournalEvent[]): string[] {
    return keptEntries(this.#options.engine.state, seq, events).map((entry) => JSON.stringify(entry));
  }

  async #find(): Promise<Last | null> {
    const { store } = this.#options;
    let key: string | undefined;
    for await (const listed of store.list(AUDIT)) if (parseAuditKey(listed.key)) key = listed.key;
    return key === undefined ? null : this.#read(key);
  }

  async #read(key: string): Promise<Last> {
    const got = await this.#options.store.get(key);
    const object = got.found ? decodeAudit(got.bytes) : null;
    if (object) return { key, through_seq: object.header.through_seq, sha256: object.sha256 };
    throw new MonitorError('corrupt', 'audit_damaged', `${key} is ${got.found ? 'damaged' : 'missing'}`, {
      hint: 'Restore it from a copy of the store. Until then the journal is not truncated.',
      extra: { key },
    });
  }

  /** One object. Returns whether there may be more. */
  async #write(): Promise<boolean> {
    const { engine, store, settings } = this.#options;
    const taken = await this.#take();
    const [first] = taken;
    const end = taken.at(-1);
    if (!first || !end) return false;
    const over = dayOf(end.at_ms) !== dayOf(first.at_ms);
    const segments = over ? taken.filter(({ at_ms }) => dayOf(at_ms) === dayOf(first.at_ms)) : taken;
    const full = segments.length >= SEGMENTS_MAX || entriesIn(segments) >= ENTRIES_MAX;
    const wait_ms = Math.min(HOUR_MS, settings.retention_ms / 4);
    if (!over && !full && engine.journal.now() - first.at_ms < wait_ms) return false;
    const through_seq = segments.at(-1)!.seq;
    const journal_id = engine.journal.journal_id;
    const { hash: segment_hash } = await this.#segment(through_seq);
    const prev = this.#last?.sha256 ?? NO_OBJECT;
    const header = { journal_id, first_seq: first.seq, through_seq, prev, segment_hash };
    const bytes = encodeAudit(
      header,
      segments.flatMap(({ lines }) => lines),
    );
    const key = auditKey(first.at_ms, first.seq);
    const { created } = await store.putIfAbsent(key, bytes);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    // Otherwise another instance was faster, or the response to an earlier put was lost.
    this.#last = created ? { key, through_seq, sha256 } : await this.#read(key);
    const { through_seq: kept } = this.#last;
    const left = this.#seen.findIndex(({ seq }) => seq > kept);
    this.#seen = left < 0 ? [] : this.#seen.slice(left);
    return true;
  }

  /** Segments after the last object, up to the first of another day or as many as an object may have. */
  async #take(): Promise<Taken[]> {
    const { engine } = this.#options;
    const taken: Taken[] = [];
    let seq = this.#last ? this.#last.through_seq + 1 : await this.#firstAfter(0);
    while (seq <= engine.journal.head.seq && taken.length < SEGMENTS_MAX && entriesIn(taken) < ENTRIES_MAX) {
      const [first] = taken;
      const seen = this.#seen[seq - (this.#seen[0]?.seq ?? Number.POSITIVE_INFINITY)];
      const some = seen ? [seen] : await this.#readFrom(seq);
      if (some.length === 0) {
        // Segments that an older version truncated, or that were lost: the audit goes on after the gap.
        const next = await this.#firstAfter(seq);
        if (next > engine.journal.head.seq) break;
        seq = next;
        continue;
      }
      taken.push(...some);
      seq = some.at(-1)!.seq + 1;
      if (first && dayOf(taken.at(-1)!.at_ms) !== dayOf(first.at_ms)) break;
    }
    return taken;
  }

  async #firstAfter(seq: number): Promise<number> {
    for await (const { key } of this.#options.store.list(SEGMENTS, seq > 0 ? { after: segmentKey(seq) } : {})) {
      const found = parseSegmentKey(key);
      if (found !== null) return found;
    }
    return Number.POSITIVE_INFINITY;
  }

  async #readFrom(from: number): Promise<Taken[]> {
    const { head } = this.#options.engine.journal;
    const seqs = Array.from({ length: Math.min(READ_AT_ONCE, head.seq - from + 1) }, (_, n) => from + n);
    const read = await Promise.all(seqs.map((seq) => this.#segment(seq).catch(() => null)));
    const missing = read.indexOf(null);
    return (missing < 0 ? read : read.slice(0, missing)).map((segment) => segment!);
  }

  async #segment(seq: number): Promise<Taken & { hash: string }> {
    const { engine, store } = this.#options;
    const got = await store.get(segmentKey(seq));
    if (!got.found) throw new MonitorError('corrupt', 'journal_damaged', `${segmentKey(seq)} is missing`);
    const { header, lines, hash } = decodeSegment(got.bytes, { journal_id: engine.journal.journal_id, seq });
    const events = lines.map((line) => JSON.parse(line) as JournalEvent);
    const at_ms = events[0] ? parseTime(events[0].at) : header.at;
    return { seq, at_ms, lines: this.#linesOf(seq, events), hash };
  }

  async #forget(): Promise<void> {
    const { engine, store, settings } = this.#options;
    const until = new Date(engine.journal.now() - settings.audit_days * DAY_MS).toISOString().slice(0, 10);
    for await (const { key } of store.list(AUDIT)) {
      const parsed = parseAuditKey(key);
      if (!parsed || parsed.date >= until || key === this.#last?.key) return;
      await store.delete(key);
    }
  }
}

const dayOf = (at_ms: number): number => Math.floor(at_ms / DAY_MS);
const entriesIn = (segments: readonly Taken[]): number => segments.reduce((sum, { lines }) => sum + lines.length, 0);
