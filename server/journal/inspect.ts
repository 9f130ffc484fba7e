/**
 * Inspects a whole journal without changes or a lock: the format, every snapshot with its parts, every segment and the
 * chain between them, and every trace of how far the journal once reached. For `tmon doctor`.
 */
import type { ObjectStore } from '../objects/store.ts';
import { gapsBetween, listSegments, missing } from './completeness.ts';
import { corruptObject, isCorrupt, type JournalError, type Problem } from './errors.ts';
import { identify } from './format.ts';
import { listSnapshots } from './gap-rule.ts';
import { segmentKey, snapshotKey } from './keys.ts';
import { decodeSegment, NO_HASH, type Segment } from './segment.ts';
import { readManifest, readRows, type SnapshotManifest } from './snapshots.ts';
import { findUse, readTraces, type Trace, type TraceKeys } from './traces.ts';

export type InspectedProblem = Problem & {
  /** A start halts because of it. Otherwise a start recovers from a good snapshot after it. */
  halts: boolean;
};

export type Inspection = {
  /** Empty if no object names it. */
  journal_id: string;
  /** The format is damaged or missing. */
  format_damaged: boolean;
  /** The last segment that a start recovers: the one before the first problem that halts. */
  head_seq: number;
  /** The newest intact snapshot; null if none exists. */
  newest: SnapshotManifest | null;
  snapshots: number;
  /** Segments in the store, ascending. */
  segments: readonly number[];
  traces: readonly Trace[];
  problems: readonly InspectedProblem[];
};

/** Number of segments read concurrently. */
const WINDOW = 32;

/** Null if the store has no journal and no sign of one. Throws JournalError, StoreError if it cannot be read. */
export async function inspectJournal(store: ObjectStore, traceKeys: TraceKeys): Promise<Inspection | null> {
  let traces = await readTraces(store, traceKeys);
  const identity = await identify(store, { traces, traceKeys });
  if (!identity) return null;
  const { journal_id } = identity;
  const problems: InspectedProblem[] = (identity.problem?.problems ?? []).map((problem) => ({
    ...problem,
    halts: true,
  }));

  const snapshots = await listSnapshots(store);
  let newest: SnapshotManifest | null = null;
  for (const seq of snapshots) {
    try {
      const manifest = await readManifest(store, journal_id, seq);
      await readRows(store, manifest);
      newest ??= manifest;
    } catch (error) {
      if (!isCorrupt(error)) throw error;
      // A running monitor deletes old snapshots.
      if ((await listSnapshots(store)).includes(seq)) problems.push(...problemsOf(error, false));
    }
  }

  const covered = newest?.seq ?? 0;
  const segments = await listSegments(store, 0);
  for (const gap of gapsBetween(
    covered,
    segments.filter((seq) => seq > covered),
  )) {
    problems.push({ ...missing(gap), reach: reachPast(gap.to, segments), halts: true });
  }
  let before = newest ? { seq: newest.seq, hash: newest.segment_hash } : { seq: 0, hash: NO_HASH };
  for await (const { seq, segment, error } of readSegments(store, journal_id, segments)) {
    const halts = seq > covered;
    if (error) {
      // Truncated by a running monitor.
      if (error === 'gone' && !halts) continue;
      const damage = error === 'gone' ? corruptObject(segmentKey(seq), 'is missing') : error;
      problems.push(...problemsOf(damage, halts).map((problem) => ({ ...problem, reach: reachPast(seq, segments) })));
    } else {
      const follows = seq !== before.seq + 1 || segment.header.prev === before.hash;
      const problem = 'does not follow the segment before it: the chain is broken';
      if (!follows) problems.push({ key: segmentKey(seq), problem, reach: reachPast(seq - 1, segments), halts });
      before = { seq, hash: segment.hash };
    }
  }

  const last = Math.max(covered, segments.at(-1) ?? 0);
  if (last === 0 && traces.length === 0) {
    const use = await findUse(store, traceKeys);
    if (use) traces = [use];
  }
  const furthest = [...traces, ...snapshots.map((seq) => ({ key: snapshotKey(seq), seq }))]
    .filter(({ seq }) => seq > last)
    .sort((a, b) => b.seq - a.seq)[0];
  if (furthest) {
    const reach = `${furthest.key} reflects segment ${furthest.seq}`;
    problems.push({ ...missing({ from: last + 1, to: furthest.seq }), reach, halts: true });
  }
  const format_damaged = identity.problem !== null;
  const stops = problems.filter(({ halts, key }) => halts && key.startsWith('journal/')).map(({ key }) => seqOf(key));
  const head_seq = Math.min(last, ...stops.map((seq) => seq - 1));
  return { journal_id, format_damaged, head_seq, newest, snapshots: snapshots.length, segments, traces, problems };
}

export type ReadSegment =
  | { seq: number; segment: Segment; error: null }
  | { seq: number; segment: null; error: JournalError | 'gone' };

/** Yields these segments in order, each with its error if it has one; reads a few ahead. */
export async function* readSegments(
  store: ObjectStore,
  journal_id: string,
  seqs: readonly number[],
): AsyncGenerator<ReadSegment> {
  for (let from = 0; from < seqs.length; from += WINDOW) {
    const window = seqs.slice(from, from + WINDOW);
    yield* await Promise.all(
      window.map(async (seq): Promise<ReadSegment> => {
        const got = await store.get(segmentKey(seq));
        if (!got.found) return { seq, segment: null, error: 'gone' };
        try {
          return { seq, segment: decodeSegment(got.bytes, { journal_id, seq }), error: null };
        } catch (error) {
          if (!isCorrupt(error)) throw error;
          return { seq, segment: null, error };
        }
      }),
    );
  }
}

function problemsOf(error: JournalError, halts: boolean): InspectedProblem[] {
  return error.problems.map((problem) => ({ ...problem, halts }));
}

function reachPast(seq: number, segments: readonly number[]): string | null {
  const later = segments.filter((other) => other > seq);
  const [first, last] = [later[0], later.at(-1)];
  if (first === undefined) return null;
  return later.length === 1 ? `segment ${first} follows` : `${later.length} segments from ${first} to ${last} follow`;
}

const seqOf = (key: string): number => Number(/\d{20}/.exec(key)?.[0]);
