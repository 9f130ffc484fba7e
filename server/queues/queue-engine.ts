/** Shared by the parts of a queue: their log, and the parts of the engine that they use. */
import type { Engine } from '../engine.ts';

export type QueueLog = (level: 'info' | 'warn', message: string) => void;

/** The engine, as far as a queue needs it; the simulation has its own. */
export type QueueEngine = Pick<Engine, 'state' | 'submit' | 'subscribe'> & {
  readonly policy: Engine['policy'];
  readonly journal: Pick<Engine['journal'], 'journal_id' | 'now' | 'catchUp'>;
};
