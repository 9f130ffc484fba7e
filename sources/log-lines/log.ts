/**
 * A log as a source: wherever its lines come from (file.ts, standard-input.ts, cloudwatch.ts), it yields events for
 * `tmon logs`, and sightings for all others.
 */
import type { LoggedEvent } from '../../protocol/log-line.ts';
import type { LogTimeOptions } from '../../protocol/log-time.ts';
import type { Reading, ReadOptions, Source, Unreadable } from '../source.ts';
import type { DatedEvent } from './dated-event.ts';
import { foldEvents } from './fold.ts';
import { OwnWords, ownWord } from './own-words.ts';

export type LogOptions = Pick<LogTimeOptions, 'zone'> & {
  /**
   * A last line without a line break: `wait` for the rest of it, when following; `take` it, when reading once. Complete
   * JSON is taken in either case. Default: `wait` if a position is requested (`from`, including null).
   */
  last_line?: 'wait' | 'take';
  now?: () => number;
};

export type LogBatch = {
  events: LoggedEvent[];
  unreadable: Unreadable[];
  /** Number of lines, or of CloudWatch events. */
  looked_at: number;
  position: string | null;
  /** The time of events that have none and follow none with a time (milliseconds since 1970). */
  otherwise_ms: number;
};

/** Where the lines come from. */
export interface LogReader {
  readonly name: string;
  /** Polling interval; null if nothing can follow its end. */
  readonly poll_ms: number | null;
  read(options: ReadOptions): AsyncIterable<LogBatch>;
  close(): Promise<void>;
}

export type DatedBatch = Omit<LogBatch, 'events' | 'otherwise_ms'> & {
  events: DatedEvent[];
  /** Number of events whose time was taken from another line or the file. */
  undated: number;
};

export class LogSource implements Source {
  readonly appendsOnly = true;
  readonly #reader: LogReader;

  constructor(reader: LogReader) {
    this.#reader = reader;
  }

  get name(): string {
    return this.#reader.name;
  }

  get poll_ms(): number | null {
    return this.#reader.poll_ms;
  }

  /** Each event; it may be kept for any time. */
  async *events(options: ReadOptions): AsyncGenerator<DatedBatch> {
    const words = new OwnWords();
    for await (const batch of this.#dated(options)) {
      for (const event of batch.events) {
        event.job_id = words.of(event.job_id);
        event.worker_id &&= words.of(event.worker_id);
        event.stage &&= words.of(event.stage);
        event.s3_path &&= ownWord(event.s3_path);
        event.error &&= ownWord(event.error);
      }
      yield batch;
    }
  }

  async *#dated(options: ReadOptions): AsyncGenerator<DatedBatch> {
    let last_ms: number | null = null;
    for await (const { otherwise_ms, events, ...batch } of this.#reader.read(options)) {
      let undated = 0;
      for (const event of events) {
        if (event.timestamp_ms === null) undated += 1;
        event.timestamp_ms ??= last_ms ?? otherwise_ms;
        last_ms = event.timestamp_ms;
      }
      yield { ...batch, undated, events: events as DatedEvent[] };
    }
  }

  async *read(options: ReadOptions): AsyncGenerator<Reading> {
    for await (const { events, unreadable, looked_at, position } of this.#dated(options)) {
      const { sightings, moved_ms } = foldEvents(events, options.since_ms);
      yield { sightings, moved_ms, position, unreadable, looked_at, done: async () => {} };
    }
  }

  close(): Promise<void> {
    return this.#reader.close();
  }
}
