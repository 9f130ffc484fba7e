/** Events to a monitor: one POST /api/v1/events per batch, with an idempotency key derived from its content. */
import { createHash } from 'node:crypto';
import { nameOfUrl } from '../../../../protocol/system-urls.ts';
import { RefusedError } from '../../errors.ts';
import { Events } from '../../events.ts';
import { Transport } from '../../transport.ts';
import { type Refusal, type Report, type Sink, SinkError } from '../report.ts';

const TIMEOUT_MS = 15_000;

export class MonitorSink implements Sink {
  readonly name: string;
  readonly linger_ms = 50;
  readonly #events: Events;
  readonly #abort = new AbortController();

  /** Default: the URL's own key (`https://:key@host`), otherwise TMON_API_KEY. */
  constructor(url: string, apiKey: string | undefined) {
    this.name = nameOfUrl(url);
    const { username, password, origin, pathname } = new URL(url);
    const key = apiKey ?? (decodeURIComponent(password || username) || process.env.TMON_API_KEY);
    // The reporter retries.
    const options = { baseUrl: `${origin}${pathname}`, apiKey: key, timeoutMs: TIMEOUT_MS, retries: 0 };
    this.#events = new Events(new Transport(options));
  }

  async send(batch: readonly Report[]): Promise<Refusal[]> {
    const events = batch.map(({ job_id, event }) => ({ ...event, job_id }));
    const idempotencyKey = createHash('sha256').update(JSON.stringify(events)).digest('hex').slice(0, 32);
    try {
      const { rejected } = await this.#events.report(events, { idempotencyKey, signal: this.#abort.signal });
      return rejected.map(({ line, code, detail }) => ({ report: batch[line - 1]!, why: `${code}: ${detail}` }));
    } catch (error) {
      if (error instanceof RefusedError && FOR_EVER.has(error.status ?? 0)) {
        return batch.map((report) => ({ report, why: error.message }));
      }
      const { message, hint } = error as SinkError;
      throw new SinkError(message, { hint, cause: error });
    }
  }

  async close(): Promise<void> {
    this.#abort.abort();
  }
}

/** Statuses that a retry can't change. Not 401, 403 and 404: a key or an address can be fixed. */
const FOR_EVER = new Set([400, 409, 413, 415, 422]);
