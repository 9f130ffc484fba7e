/**
 * Continues a journal without its lost segments, by the owner's decision.
 *
 *     apply everything that can be read, across the gaps → write snapshot M beyond every number ever used, with the loss
 *     in its manifest → write segment M+1, with the loss as an event for readers of the journal
 *
 * Recovery from that snapshot skips the gaps as it skips truncated segments, and no number is reused. The manifest is
 * the commit point: a run that ends before it starts over the next time; after it the journal is complete.
 */
import { hash } from 'node:crypto';
import { type Clock, isoTime } from '../clock.ts';
import type { ObjectStore } from '../objects/store.ts';
import { listSegments } from './completeness.ts';
import { JournalError } from './errors.ts';
import { createFormat } from './format.ts';
import { type Inspection, inspectJournal, readSegments } from './inspect.ts';
import { FORMAT_KEY, parseSnapshotKey, parseSnapshotPartKey, SNAPSHOTS, segmentKey } from './keys.ts';
import type { Replica } from './replica.ts';
import { encodeSegment } from './segment.ts';
import { type AcceptedLoss, readRows, type SnapshotManifest, writeSnapshot } from './snapshots.ts';
import type { TraceKeys } from './traces.ts';

export type AcceptLossOptions = {
  /** Locked, so that no monitor writes to it; on a bucket all monitors must be stopped. */
  store: ObjectStore;
  clock: Clock;
  traceKeys: TraceKeys;
  replica: Pick<Replica<never>, 'replay' | 'restore' | 'reset' | 'rows'>;
  actor: string;
  newId: () => string;
  /** Returns the event for the journal, as a line of a segment. */
  eventOf: (loss: AcceptedLoss, at_ms: number) => string;
};

export type LossReport = {
  /** The journal before. */
  inspection: Inspection;
  /** null if no segment was lost: at most the format was wrong. */
  loss: AcceptedLoss | null;
  /** The format was rewritten. */
  format_written: boolean;
};

/**
 * Throws JournalError: 'corrupt' if the store has no journal, 'refused' if a monitor writes to it meanwhile. Safe to
 * repeat, also after an interruption.
 */
export async function acceptLoss(options: AcceptLossOptions): Promise<LossReport> {
  const { store, clock, traceKeys, newId } = options;
  const inspection = await inspectJournal(store, traceKeys);
  if (!inspection) throw new JournalError('corrupt', `${store.url} holds no journal`);
  let { journal_id } = inspection;
  if (inspection.format_damaged) {
    await store.delete(FORMAT_KEY);
    journal_id = await createFormat(store, journal_id || newId());
  }
  const lost = inspection.problems.filter(({ halts, key }) => halts && key !== FORMAT_KEY);
  if (lost.length === 0) {
    // The run that wrote this snapshot may have ended before it wrote the event.
    if (inspection.newest?.accepted_loss) await writeEvent(options, inspection.newest);
    return { inspection, loss: null, format_written: inspection.format_damaged };
  }
  const { at_ms } = await salvage(options, inspection, journal_id);
  const seq =
    1 + Math.max(await highestSnapshot(store), ...inspection.traces.map((trace) => trace.seq), lastOf(inspection));
  if ((await listSegments(store, lastOf(inspection))).length > 0) {
    throw new JournalError('refused', `a monitor has written to ${store.url} meanwhile`, {
      hint: 'Stop every monitor on this store, then run it again.',
    });
  }
  const loss: AcceptedLoss = {
    after_seq: inspection.head_seq,
    through_seq: seq,
    missing: lost.map(({ key, problem }) => `${key} ${problem}`),
    at: isoTime(clock.now()) ?? '',
    actor: options.actor,
  };
  options.replica.replay({ seq, at_ms, lines: [] });
  // Segment `seq` does not exist: the next one is chained to the accepted loss instead.
  const segment_hash = hash('sha256', JSON.stringify(loss), 'hex');
  const head = { journal_id, seq, segment_hash, at_ms, accepted_loss: loss };
  await writeEvent(options, await writeSnapshot(store, clock, head, options.replica.rows()));
  return { inspection, loss, format_written: inspection.format_damaged };
}

/** Applies the newest good snapshot and every later segment that can be read. Returns the log time after them. */
async function salvage(
  { store, clock, replica }: AcceptLossOptions,
  { newest, segments }: Inspection,
  journal_id: string,
): Promise<{ at_ms: number }> {
  let at_ms = newest?.at_ms ?? 0;
  if (newest) replica.restore(await readRows(store, newest));
  else replica.reset();
  const later = segments.filter((seq) => seq > (newest?.seq ?? 0));
  for await (const { seq, segment } of readSegments(store, journal_id, later)) {
    if (!segment) continue;
    at_ms = Math.max(at_ms, segment.header.at);
    replica.replay({ seq, at_ms, lines: segment.lines });
  }
  return { at_ms: at_ms > 0 ? at_ms : Math.floor(clock.now()) };
}

/** Put if absent: if the segment exists, the event was written, or a monitor has continued from the snapshot. */
async function writeEvent(options: AcceptLossOptions, manifest: SnapshotManifest): Promise<void> {
  const { journal_id, seq, segment_hash, at_ms, accepted_loss } = manifest;
  if (!accepted_loss) return;
  const { actor, newId, store, eventOf } = options;
  const header = {
    journal_id,
    seq: seq + 1,
    prev: segment_hash,
    batch_id: newId(),
    instance: actor,
    url: '',
    at: at_ms,
  };
  await store.putIfAbsent(segmentKey(seq + 1), encodeSegment(header, [eventOf(accepted_loss, at_ms)]).bytes);
}

/** Includes parts: the name of a partially written snapshot must not be reused for other bytes. */
async function highestSnapshot(store: ObjectStore): Promise<number> {
  let highest = 0;
  for await (const { key } of store.list(SNAPSHOTS)) {
    highest = Math.max(highest, parseSnapshotKey(key) ?? parseSnapshotPartKey(key) ?? 0);
  }
  return highest;
}

const lastOf = ({ segments }: Inspection): number => segments.at(-1) ?? 0;
