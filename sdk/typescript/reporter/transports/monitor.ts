/** Events to a monitor: one POST /api/v1/events a batch, with a key of its own content, so that one whose answer was lost counts once. */
import { createHash } from 'node:crypto';
import { nameOfUrl } from '../../../../protocol/system-urls.ts';
import { RefusedError } from '../../errors.ts';
import { Events } from '../../events.ts';
import { Transport as HttpTransport } from '../../transport.ts';
import { type Refusal, type Report, type Transport, TransportError } from '../report.ts';

const TIMEOUT_MS = 15_000;

export class MonitorTransport implements Transport {
  readonly name: string;
  readonly linger_ms = 50;
  readonly #events: Events;
  readonly #abort = new AbortController();

  /** Without a key, the URL's own (`https://:key@host`), else TMON_API_KEY. */
  constructor(url: string, apiKey: string | undefined) {
    this.name = nameOfUrl(url);
    const { username, password, origin, pathname } = new URL(url);
    const key = apiKey ?? (decodeURIComponent(password || username) || process.env.TMON_API_KEY);
    // The reporter tries again by itself.
    const options = { baseUrl: `${origin}${pathname}`, apiKey: key, timeoutMs: TIMEOUT_MS, retries: 0 };
    this.#events = new Events(new HttpTransport(options));
  }

  async send(batch: readonly Report[]): Promise<Refusal[]> {
    const events = batch.map(({ event }) => event);
    const idempotencyKey = createHash('sha256').update(JSON.stringify(events)).digest('hex').slice(0, 32);
    try {
      const { rejected } = await this.#events.report(events, { idempotencyKey, signal: this.#abort.signal });
      return rejected.map(({ line, code, detail }) => ({ report: batch[line - 1]!, why: `${code}: ${detail}` }));
    } catch (error) {
      if (error instanceof RefusedError && FOR_EVER.has(error.status ?? 0)) {
        return batch.map((report) => ({ report, why: error.message }));
      }
      const { message, hint } = error as TransportError;
      throw new TransportError(message, { hint, cause: error });
    }
  }

  async close(): Promise<void> {
    this.#abort.abort();
  }
}

/** The same again would be answered the same. Not 401, 403 and 404: a key or an address can be mended. */
const FOR_EVER = new Set([400, 409, 413, 415, 422]);
