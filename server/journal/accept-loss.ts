/**
 * Goes on without what is lost, by its owner's decision.
 *
 *     everything that can be read is applied, over the holes → a snapshot M beyond every number ever used, which says what
 *     was given up → segment M+1, which says it to whoever follows the journal
 *
 * Recovery from that snapshot passes the holes by as it passes truncated segments, and no number is used again. The
 * snapshot's manifest is the moment of decision: ended before it, the next run begins again; after it, the journal is whole.
 */
import { createHash } from 'node:crypto';
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
  /** Opened with its lock, so that no monitor writes beside it; on a bucket they must be stopped. */
  store: ObjectStore;
  clock: Clock;
  traceKeys: TraceKeys;
  replica: Pick<Replica<never>, 'replay' | 'restore' | 'reset' | 'rows'>;
  actor: string;
  newId: () => string;
  /** The event that says it in the journal, as a line of a segment. */
  eventOf: (loss: AcceptedLoss, at_ms: number) => string;
};

export type LossReport = {
  /** What there was to accept. */
  inspection: Inspection;
  /** null if no segment was given up: nothing was wrong, or the format alone. */
  loss: AcceptedLoss | null;
  /** The format was written again. */
  format_written: boolean;
};

/** Throws JournalError: 'corrupt' if the store holds no journal, 'refused' if a monitor writes to it meanwhile. Safe to run again, also after it was ended in the middle. */
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
    // The run that wrote this snapshot may have ended before the event.
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
  // There is no segment `seq`: the next one rests on what was decided here instead.
  const segment_hash = createHash('sha256').update(JSON.stringify(loss)).digest('hex');
  const head = { journal_id, seq, segment_hash, at_ms, accepted_loss: loss };
  await writeEvent(options, await writeSnapshot(store, clock, head, options.replica.rows()));
  return { inspection, loss, format_written: inspection.format_damaged };
}

/** Applies the newest good snapshot and every later segment that can be read. Returns the log time then. */
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

/** Put if absent: where the segment exists, this was done, or a monitor has gone on from the snapshot. */
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

/** Parts count too: a half-written snapshot's name must not be taken again with other bytes. */
async function highestSnapshot(store: ObjectStore): Promise<number> {
  let highest = 0;
  for await (const { key } of store.list(SNAPSHOTS)) {
    highest = Math.max(highest, parseSnapshotKey(key) ?? parseSnapshotPartKey(key) ?? 0);
  }
  return highest;
}

const lastOf = ({ segments }: Inspection): number => segments.at(-1) ?? 0;
