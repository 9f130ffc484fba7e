/**
 * A system without a server that reports jobs: a log, a folder of status files, a table, a queue. One port for all of
 * them, read by `tmon check`, `tmon logs`, `tmon import` and `tmon serve --source`.
 */
import type { Sighting } from '../protocol/sighting.ts';
import type { FollowedSource } from '../protocol/source.ts';
import type { StatusReport } from '../protocol/status-file.ts';

export interface Source {
  /** The URL without secrets; the name of the source. */
  readonly name: string;

  /**
   * Reports are never withdrawn (a log): readers continue from the position. Other sources must be read completely to
   * notice deletions.
   */
  readonly appendsOnly?: boolean;

  /**
   * Reads what exists now, oldest first if there is an order, and ends. Given the position of an earlier read, it
   * starts there or earlier; seeing something twice does no harm. Throws a SourceError.
   */
  read(options: ReadOptions): AsyncIterable<Reading>;

  /** The queue behind it, if it has one. */
  depth?(signal: AbortSignal): Promise<QueueDepth>;

  /** Problems that it reports itself: a monitor's active alerts. */
  alerts?(signal: AbortSignal): Promise<SourceAlert[]>;

  /** Workers that report to it by themselves, whatever they have to say about a job. By id. */
  heartbeats?(signal: AbortSignal): Promise<ReadonlyMap<string, Heartbeat>>;

  /** Sources that it reads itself, and what it says of them: those that a monitor follows. */
  follows?(signal: AbortSignal): Promise<FollowedSource[]>;

  close(): Promise<void>;
}

export type ReadOptions = {
  /** Skip reports from before this time (milliseconds since 1970). */
  since_ms: number;
  /** The `position` of an earlier read. */
  from?: string | null;
  /**
   * Read without consuming: a queue gets its messages back, and is not received from if that would count toward dead
   * letters.
   */
  peek?: boolean;
  /**
   * Completed jobs that were last reported before this time may come as sums, if the source can add them up: for a reader that has no
   * other source to merge them with.
   */
  sums_until_ms?: number;
  /** Results of earlier reads: an unchanged file is not fetched again. */
  recall?: Recall;
  signal: AbortSignal;
};

/** What a file says, or why it could not be read. */
export type FileResult = StatusReport | UnreadableFile;

/** `half_written`: its text ends in the middle; the next version may be whole. */
export type UnreadableFile = { why: string; half_written?: boolean };

/** Kept by the reader, between reads or runs. `version`: for example an ETag. */
export interface Recall {
  get(where: string, version: string): FileResult | undefined;
  set(where: string, version: string, result: FileResult): void;
  /** What the file said when it was last readable, in whatever version. */
  last?(where: string): Sighting | undefined;
  /** A file from before this time that `get` does not know had ended when it was read. Without it, old files are skipped. */
  readonly complete_ms?: number;
}

export type Reading = {
  /** At most one per job. */
  sightings: Sighting[];
  /**
   * If the source has the history (a log): when each job's percentage or stage last changed. The newest line alone does
   * not show that a job has been at 45 % for an hour.
   */
  moved_ms?: ReadonlyMap<string, number>;
  /** Completed jobs that are not among the sightings, since `since_ms`. */
  summed?: Sums;
  /** Where to continue, opaque to the reader; null if it can only be read completely. */
  position: string | null;
  /** Lines, files or rows of ours that could not be read as a report. Of others, nothing is said. */
  unreadable: Unreadable[];
  /** Number of reports, also from before `since_ms`: evidence that the source is the right one. Default: of sightings. */
  found?: number;
  /** False if every time has its zone, or comes from a clock of the system: then none can be of another zone. */
  without_zone?: boolean;
  /** A monitor keeps its store in the same place; its jobs are not among the sightings. */
  monitor_store?: boolean;
  /** Of jobs that the source itself was told by another: their source. They are not in its queue. */
  told_by?: ReadonlyMap<string, string>;
  /** What else people should know about what was read, one sentence each. */
  notes?: string[];
  /** Number of reports whose time is that of others, because it is missing or not understood. */
  undated?: number;
  /** Number of lines, files, rows or messages read. */
  looked_at: number;
  /** Call once the sightings are stored: a source that deletes what is read (a queue) does so now. */
  done(): Promise<void>;
};

/** `heard_ms`: when each worker last reported one. */
export type Sums = { jobs: number; heard_ms: ReadonlyMap<string, number> };

/** `where`: a line number, a key, a row's id. `last_known`: the sightings have what it said before. */
export type Unreadable = { where: string; why: string; half_written?: boolean; last_known?: boolean };

/** `where` of a row. */
export const rowOf = (name: unknown): string => `job_id ${String(name)}`;

export type QueueDepth = {
  waiting: number;
  in_flight: number;
  /** Age of the oldest waiting one; null if unknown. */
  oldest_seconds: number | null;
  /** In its dead-letter queue, or in it if it is one; null if neither is known. */
  dead_letters: number | null;
};

/** Of a worker: when it was last heard of, and whether that is recent enough. */
export type Heartbeat = { heard_ms: number; healthy: boolean };

export type SourceAlert = { id: string; message: string };

export type SourceErrorKind = 'invalid_url' | 'missing' | 'denied' | 'unreachable' | 'unusable';

/** One line: what is wrong with which source. `hint`: the command that fixes it. */
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
