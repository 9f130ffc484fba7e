/**
 * Logs as they are found in the wild: what wrote the lines, the bytes, and what is right to say about them. `eachWild()` yields
 * them for any reader: the log source, `tmon check`, `tmon import`, `tmon serve --source`.
 *
 * Their times are shortly before a given moment, because readers look back only for a while.
 */
import type { SightedState } from '../../protocol/sighting.ts';
import { oddities } from './oddities.ts';
import { histories } from './writers.ts';

export type Wild = {
  name: string;
  /** The library or system that writes this form, and its version. */
  from: string;
  files: { name: string; bytes: Buffer }[];
  /** Right only if all of it is there: while it grows, an undated line is of now. */
  whole?: true;
  expected: Expected;
};

export type Expected = {
  /** By the name of the job. */
  states: Record<string, SightedState>;
  /** Lines of ours that cannot be read. */
  unreadable: number;
  /** Events whose own line has no time that is understood. */
  undated: number;
  /** If their lines have a time: when the jobs failed or were completed, in milliseconds since 1970. */
  ended_ms?: Record<string, number>;
  errors?: Record<string, string>;
};

export function* eachWild(now_ms: number): Generator<Wild> {
  const minute_ms = Math.floor(now_ms / 60_000) * 60_000;
  yield* histories(minute_ms);
  yield* oddities(minute_ms);
}
