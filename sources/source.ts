/**
 * A system without a server that tells of jobs: a log, a folder of status files, a table, a queue. One port for all, read by
 * `tmon check`, `tmon logs`, `tmon import` and `tmon serve --source`.
 */
import type { Sighting } from '../protocol/sighting.ts';

export interface Source {
  /** The URL without what is secret in it; the source's name. */
  readonly name: string;

  /**
   * What is there now, oldest first where there is an order, and ends there. Given the position of an earlier reading it
   * begins after that, at the latest; seeing something twice does no harm. Throws a SourceError.
   */
  read(options: ReadOptions): AsyncIterable<Reading>;

  /** The queue behind it, where it has one. */
  depth?(signal: AbortSignal): Promise<QueueDepth>;

  close(): Promise<void>;
}

export type ReadOptions = {
  /** Nothing is wanted that was told before then (milliseconds since 1970). */
  since_ms: number;
  /** Of an earlier reading's `position`. */
  from?: string | null;
  signal: AbortSignal;
};

export type Reading = {
  /** At most one a job. */
  sightings: Sighting[];
  /** Where to go on, in the source's own words; null where it can only be read whole. */
  position: string | null;
  /** Lines, files or rows that tell of no job as they should. */
  unreadable: Unreadable[];
  /** Lines, files, rows or messages looked at. */
  looked_at: number;
  /** The sightings are kept: where reading takes things away (a queue), they may go now. */
  done(): Promise<void>;
};

/** `where`: a line's number, a key, a row's id. */
export type Unreadable = { where: string; why: string };

export type QueueDepth = {
  waiting: number;
  in_flight: number;
  /** Age of the oldest that waits; null where it is not known. */
  oldest_seconds: number | null;
  dead_letters: number | null;
};

export type SourceErrorKind = 'invalid_url' | 'missing' | 'denied' | 'unreachable' | 'unusable';

/** One line: what is wrong with which source. `hint`: the command that mends it. */
export class SourceError extends Error {
  readonly kind: SourceErrorKind;
  readonly hint: string | undefined;

  constructor(kind: SourceErrorKind, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'SourceError';
    this.kind = kind;
    this.hint = options.hint;
  }
}
