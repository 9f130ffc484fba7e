/** Reads a source to its end and sends what it reports to a monitor. */
import type { SightedState } from '../../protocol/sighting.ts';
import { type Allowance, isAllowed } from '../../sources/check/evidence.ts';
import type { Reading, Source, Unreadable } from '../../sources/source.ts';
import { Outbox, type Send } from './outbox.ts';

export type Counts = {
  looked_at: number;
  found_count: number;
  unreadable_count: number;
  /** The first of them. */
  unreadable: Unreadable[];
  notes: Set<string>;
  /** The last reported state of each job. */
  states: Map<string, SightedState>;
};

export type TransferOptions = {
  since_ms: number;
  /** Read and count, but send nothing. */
  peek: boolean;
  send: Send;
  onProgress?: (counts: Counts) => void;
  signal: AbortSignal;
};

const EXAMPLES = 5;

/** Rejects if the source can't be read, or the monitor refuses a request. */
export async function transfer(
  source: Source,
  { since_ms, peek, send, onProgress, signal }: TransferOptions,
): Promise<{ counts: Counts; outbox: Outbox }> {
  const outbox = new Outbox(send);
  const counts: Counts = {
    looked_at: 0,
    found_count: 0,
    unreadable_count: 0,
    unreadable: [],
    notes: new Set(),
    states: new Map(),
  };
  for await (const reading of source.read({ since_ms, peek, signal })) {
    count(counts, reading);
    if (!peek) {
      await outbox.add(reading.sightings);
      // Sources that delete what is read may do so only once it is stored.
      if (!source.appendsOnly) await outbox.flush();
      await reading.done();
    }
    onProgress?.(counts);
  }
  if (!peek) await outbox.flush();
  return { counts, outbox };
}

function count(counts: Counts, reading: Reading) {
  counts.looked_at += reading.looked_at;
  counts.found_count += reading.found ?? reading.sightings.length;
  for (const one of reading.notes ?? []) if (counts.notes.size < EXAMPLES) counts.notes.add(one);
  counts.unreadable_count += reading.unreadable.length;
  counts.unreadable.push(...reading.unreadable.slice(0, EXAMPLES - counts.unreadable.length));
  for (const { job_id, state } of reading.sightings) counts.states.set(job_id, state);
}

/** A queue may be empty. */
export const foundNothing = (source: Source, { found_count, unreadable_count }: Counts): boolean =>
  found_count === 0 && unreadable_count === 0 && source.depth === undefined;

/** Whether the source had reports, and not too many that can't be read. */
export const isComplete = (source: Source, counts: Counts, allowed: Allowance): boolean =>
  !foundNothing(source, counts) &&
  isAllowed({ found: counts.found_count, unreadable: counts.unreadable_count }, allowed);
