/**
 * A system without a server that tells of jobs: a log, a folder of status files, a table, a queue. One port for all, read by
 * `tmon check`, `tmon logs`, `tmon import` and `tmon serve --source`.
 */
import type { Sighting } from '../protocol/sighting.ts';

export interface Source {
  /** The URL without what is secret in it; the source's name. */
  readonly name: string;

  /**
   * What was told is never taken back (a log): who has read it goes on from the position. The others are read whole by
   * whoever must know that something was deleted.
   */
  readonly appendsOnly?: boolean;

  /**
   * What is there now, oldest first where there is an order, and ends there. Given the position of an earlier reading it
   * begins after that, at the latest; seeing something twice does no harm. Throws a SourceError.
   */
  read(options: ReadOptions): AsyncIterable<Reading>;

  /** The queue behind it, where it has one. */
  depth?(signal: AbortSignal): Promise<QueueDepth>;

  /** What it says itself that is wrong: a monitor's active alerts. */
  alerts?(signal: AbortSignal): Promise<SourceAlert[]>;

  close(): Promise<void>;
}

export type ReadOptions = {
  /** Nothing is wanted that was told before then (milliseconds since 1970). */
  since_ms: number;
  /** Of an earlier reading's `position`. */
  from?: string | null;
  /** Only a look: a queue gives its messages back, and receives none where that would count toward its dead letters. */
  peek?: boolean;
  /** What earlier readings made of files: one that has not changed is not fetched again. */
  recall?: Recall;
  signal: AbortSignal;
};

/** Kept by the reader, between readings or between runs. `version`: an ETag, say. */
export interface Recall {
  get(where: string, version: string): Sighting | undefined;
  set(where: string, version: string, sighting: Sighting): void;
}

export type Reading = {
  /** At most one a job. */
  sightings: Sighting[];
  /**
   * By job, where the source has the history (a log): when its percentage or stage last changed. The newest line alone
   * can't say that a job has been told of at 45 % for an hour.
   */
  moved_ms?: ReadonlyMap<string, number>;
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

export type SourceAlert = { id: string; message: string };

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
