/**
 * What this instance measures itself, because no state keeps it: commits, requests to the store, and requests of its
 * clients. They begin at 0 with each start.
 */
import { Counter, Histogram, Registry } from 'prom-client';
import { type Family, PREFIX } from './family.ts';

export type Commit = { duration_ms: number; events: number; bytes: number };

export type StoreOperation = 'put_if_absent' | 'put' | 'get' | 'list' | 'delete';

export type StoreRequest = {
  operation: StoreOperation;
  /** `ok`, `exists` of a put-if-absent, `not_found` of a get; `unavailable` or `refused` if it failed. */
  outcome: 'ok' | 'exists' | 'not_found' | 'unavailable' | 'refused';
  duration_ms: number;
  read_bytes?: number;
  written_bytes?: number;
};

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const REQUEST_SECONDS = [0.005, 0.025, 0.1, 0.5, 2.5, 10, 30];

export class Meters {
  readonly #registry = new Registry();
  readonly #commits: Histogram;
  readonly #commit_events: Counter;
  readonly #commit_bytes: Counter;
  readonly #store_requests: Counter<'operation' | 'outcome'>;
  readonly #store_seconds: Histogram<'operation'>;
  readonly #store_read_bytes: Counter;
  readonly #store_written_bytes: Counter;
  readonly #http_requests: Counter<'operation' | 'status'>;
  readonly #http_seconds: Histogram<'operation'>;

  constructor() {
    const registers = [this.#registry];
    const named = (name: string, help: string) => ({ name: PREFIX + name, help, registers });
    this.#commits = new Histogram({
      ...named('commit_duration_seconds', 'Time from the first put of a segment until it is in the journal'),
      buckets: SECONDS,
    });
    this.#commit_events = new Counter(named('commit_events_total', 'Events that this instance has committed'));
    this.#commit_bytes = new Counter(named('commit_bytes_total', 'Bytes of the segments that it has committed'));
    this.#store_requests = new Counter({
      ...named('store_requests_total', 'Operations on the store by outcome; a list is one operation'),
      labelNames: ['operation', 'outcome'],
    });
    this.#store_seconds = new Histogram({
      ...named('store_request_duration_seconds', 'Duration of operations on the store; of a list, with its reader'),
      labelNames: ['operation'],
      buckets: SECONDS,
    });
    this.#store_read_bytes = new Counter(named('store_read_bytes_total', 'Bytes of the objects read from the store'));
    this.#store_written_bytes = new Counter(named('store_written_bytes_total', 'Bytes sent to the store'));
    this.#http_requests = new Counter({
      ...named('http_requests_total', 'Requests to the API by operation and status'),
      labelNames: ['operation', 'status'],
    });
    this.#http_seconds = new Histogram({
      ...named('http_request_duration_seconds', 'Time until the response began; claims wait for a job'),
      labelNames: ['operation'],
      buckets: REQUEST_SECONDS,
    });
  }

  commit({ duration_ms, events, bytes }: Commit): void {
    this.#commits.observe(duration_ms / 1000);
    this.#commit_events.inc(events);
    this.#commit_bytes.inc(bytes);
  }

  store({ operation, outcome, duration_ms, read_bytes = 0, written_bytes = 0 }: StoreRequest): void {
    this.#store_requests.inc({ operation, outcome });
    this.#store_seconds.observe({ operation }, duration_ms / 1000);
    if (read_bytes > 0) this.#store_read_bytes.inc(read_bytes);
    if (written_bytes > 0) this.#store_written_bytes.inc(written_bytes);
  }

  /** `operation`: of the API's definition, so that its number is bounded. */
  http(request: { operation: string; status: number; duration_ms: number }): void {
    const { operation, status } = request;
    this.#http_requests.inc({ operation, status });
    this.#http_seconds.observe({ operation }, request.duration_ms / 1000);
  }

  families(): Promise<Family[]> {
    return this.#registry.getMetricsAsJSON() as Promise<unknown> as Promise<Family[]>;
  }
}
