/** Reads a journal without writing, to get the fold with or without a running instance. */
import type { Clock, Random } from '../clock.ts';
import type { ObjectStore } from '../objects/store.ts';
import { Chain, type Head } from './chain.ts';
import { identify } from './format.ts';
import { SharedLogClock } from './log-clock.ts';
import { Patience } from './patience.ts';
import type { Replica } from './replica.ts';
import { findUse, NO_TRACES, readTraces, type TraceKeys } from './traces.ts';

/** The part of a replica that only reads. */
export type Follower = Pick<Replica<never>, 'replay' | 'restore' | 'reset'>;

export type ReadOnlyJournal = {
  readonly journal_id: string;
  readonly head: Readonly<Head>;
  /** Applies the segments written since. Returns their number. */
  drain(): Promise<number>;
};

/**
 * Recovers to the tail; null if the store has no journal. Throws JournalError if it is damaged, incomplete or
 * unreadable.
 */
export async function readJournal(
  options: {
    store: ObjectStore;
    clock: Clock;
    random: Random;
    retention_ms: number;
    warn: (message: string) => void;
    traceKeys?: TraceKeys;
  },
  follower: Follower,
): Promise<ReadOnlyJournal | null> {
  const { store, clock, random, traceKeys = NO_TRACES } = options;
  const traces = await readTraces(store, traceKeys);
  const identity = await identify(store, { traces, traceKeys });
  if (!identity) return null;
  if (identity.problem) throw identity.problem;
  const chain = new Chain<never>({
    ...options,
    journal_id: identity.journal_id,
    patience: new Patience({ clock, random, signal: new AbortController().signal }),
    logClock: new SharedLogClock(clock),
    // A chain never drafts.
    replica: follower as Replica<never>,
  });
  await chain.recover(traces, () => findUse(store, traceKeys));
  return {
    journal_id: identity.journal_id,
    get head() {
      return chain.head;
    },
    drain: () => chain.drain(),
  };
}
