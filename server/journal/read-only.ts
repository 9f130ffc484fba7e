/** Reads a journal and writes nothing: for one who wants the fold as it is, beside or instead of an instance that commits. */
import type { Clock, Random } from '../clock.ts';
import type { ObjectStore } from '../objects/store.ts';
import { Chain, type Head } from './chain.ts';
import { readFormat } from './format.ts';
import { LogClock } from './log-clock.ts';
import type { Replica } from './replica.ts';

/** The half of a replica that only follows. */
export type Follower = Pick<Replica<never>, 'replay' | 'restore' | 'reset'>;

export type ReadOnlyJournal = {
  readonly journal_id: string;
  readonly head: Readonly<Head>;
  /** Applies what was written since; answers how many segments. */
  drain(): Promise<number>;
};

/** Recovers to the tail. null: the store has no journal. Throws JournalError where it is damaged or can't be read. */
export async function readJournal(
  options: {
    store: ObjectStore;
    clock: Clock;
    random: Random;
    retention_ms: number;
    warn: (message: string) => void;
  },
  follower: Follower,
): Promise<ReadOnlyJournal | null> {
  const format = await readFormat(options.store);
  if (!format) return null;
  const chain = new Chain<never>({
    ...options,
    journal_id: format.journal_id,
    logClock: new LogClock(options.clock),
    // A chain only reads: it drafts nothing.
    replica: follower as Replica<never>,
    signal: new AbortController().signal,
  });
  await chain.recover();
  return {
    journal_id: format.journal_id,
    get head() {
      return chain.head;
    },
    drain: () => chain.drain(),
  };
}
