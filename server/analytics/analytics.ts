/**
 * The analytic service: queries, and the making of column files. One reader serves both; it is opened by the first request.
 *
 * It needs memory and time of its own, so a monitor has it in another process: see process/. In the same process it serves a
 * store in memory, and the command line.
 */
import { MonitorError } from '../../protocol/errors.ts';
import type { Clock } from '../clock.ts';
import { isColumnDamage } from './columns/healing.ts';
import type { MadeColumns } from './columns/making.ts';
import { makeColumns } from './columns/making.ts';
import { type Query, runQuery, type Table } from './query.ts';
import { AnalyticsReader, type ReaderOptions } from './reader.ts';

export type QueryResult = Table & {
  /** The result shows the journal up to this segment. */
  as_of_seq: number;
};

export interface AnalyticsService {
  /** A request met a column file that is missing or damaged; `makeColumns` makes it again. */
  readonly damaged: boolean;
  /** Throws MonitorError. */
  query(query: Query): Promise<QueryResult>;
  /** The next column files, in files of this machine; null: none are due. */
  makeColumns(now_ms: number): Promise<MadeColumns | null>;
  close(): Promise<void>;
}

/** Queries at a time: each may use all of DuckDB's memory. */
const QUERIES_AT_ONCE = 4;

export class Analytics implements AnalyticsService {
  readonly #options: () => Promise<ReaderOptions>;
  readonly #clock: Clock;
  #reader: Promise<AnalyticsReader> | null = null;
  damaged = false;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(options: () => Promise<ReaderOptions>, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  async query(query: Query): Promise<QueryResult> {
    await this.#turn();
    try {
      const reader = await this.#open();
      await reader.refresh();
      const as_of_seq = reader.state.seq;
      const connection = await reader.database.connect();
      return { ...(await runQuery(connection, query, this.#clock)), as_of_seq };
    } catch (error) {
      if (error instanceof MonitorError && error.code === 'database_lost') await this.close();
      this.damaged ||= isColumnDamage(error);
      throw error;
    } finally {
      this.#running -= 1;
      this.#waiting.shift()?.();
    }
  }

  async makeColumns(now_ms: number): Promise<MadeColumns | null> {
    const made = await makeColumns(await this.#open(), now_ms);
    this.damaged = false;
    return made;
  }

  async close(): Promise<void> {
    const reader = await this.#reader?.catch(() => null);
    this.#reader = null;
    await reader?.close();
  }

  /** One that could not be opened is opened anew by the next request. */
  #open(): Promise<AnalyticsReader> {
    this.#reader ??= this.#options()
      .then((options) => AnalyticsReader.open(options))
      .catch((error: unknown) => {
        this.#reader = null;
        throw error;
      });
    return this.#reader;
  }

  async #turn(): Promise<void> {
    while (this.#running >= QUERIES_AT_ONCE) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#running += 1;
  }
}
