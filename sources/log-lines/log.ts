/**
 * A log as a source: wherever its lines come from (file.ts, standard-input.ts, cloudwatch.ts), it yields events for
 * `tmon logs`, and sightings for all others.
 */
import type { LogTimeOptions } from '../../protocol/log-time.ts';
import type { Reading, ReadOptions, Source, Unreadable } from '../source.ts';
import type { DatedEvent } from './dated-event.ts';
import { EventOrder } from './event-order.ts';
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
  events: DatedEvent[];
  unreadable: Unreadable[];
  /** Number of lines, or of CloudWatch events. */
  looked_at: number;
  position: string | null;
  /** Number of events whose time was taken from other lines, or is that of the file. */
  undated: number;
  /** Whether a time has no zone, and none was given. */
  without_zone: boolean;
  /** What else people should know, one sentence each. */
  notes: string[];
};

/** Where the lines come from. */
export interface LogReader {
  readonly name: string;
  /** Polling interval; null if nothing can follow its end. */
  readonly poll_ms: number | null;
  read(options: ReadOptions): AsyncIterable<LogBatch>;
  close(): Promise<void>;
}

export class LogSource implements Source {
  readonly appendsOnly = true;
  readonly #reader: LogReader;
  /** Where the last read ended: one that goes on from there goes on with its order. */
  #last: { position: string | null; order: EventOrder } | null = null;

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
  async *events(options: ReadOptions): AsyncGenerator<LogBatch> {
    const words = new OwnWords();
    for await (const batch of this.#ordered(options)) {
      for (const event of batch.events) {
        event.job_id = words.of(event.job_id);
        if (event.reported_id !== undefined) event.reported_id = words.of(event.reported_id);
        event.worker_id &&= words.of(event.worker_id);
        event.stage &&= words.of(event.stage);
        event.s3_path &&= ownWord(event.s3_path);
        event.error &&= ownWord(event.error);
      }
      yield batch;
    }
  }

  async *#ordered(options: ReadOptions): AsyncGenerator<LogBatch> {
    const goesOn = typeof options.from === 'string' && options.from === this.#last?.position;
    const order = goesOn ? this.#last!.order : new EventOrder();
    for await (const batch of this.#reader.read(options)) {
      yield { ...batch, events: order.take(batch.events) };
      this.#last = { position: batch.position ?? this.#last?.position ?? null, order };
    }
  }

  async *read(options: ReadOptions): AsyncGenerator<Reading> {
    for await (const { events, ...batch } of this.#ordered(options)) {
      const { sightings, moved_ms } = foldEvents(events, options.since_ms);
      yield { ...batch, sightings, moved_ms, found: events.length, done: async () => {} };
    }
  }

  close(): Promise<void> {
    return this.#reader.close();
  }
}
