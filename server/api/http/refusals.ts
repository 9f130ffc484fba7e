/**
 * The log of refused requests: who was not let in, from where, to what. A flood of them is counted rather than written, so that
 * nobody fills the disk by knocking.
 */
import type { FastifyRequest } from 'fastify';
import type { MonitorError } from '../../../protocol/errors.ts';
import { parseKey } from '../../../protocol/key.ts';
import type { Clock } from '../../clock.ts';
import { statusOf } from '../errors.ts';
import { keyOf, withoutKeys } from './credentials.ts';

/** In a minute; further ones are counted. */
const LINES_MAX = 30;
const MINUTE_MS = 60_000;
/** Attempts to pass a control, beside those that are 401 or 403. */
const CODES: ReadonlySet<string> = new Set(['key_in_url', 'rate_limited', 'quota_exceeded', 'link_not_found']);

/** A request, or a call over the WebSocket. */
type Refused = Pick<FastifyRequest, 'method' | 'url' | 'id' | 'ip' | 'headers' | 'subject'>;

export class RefusalLog {
  readonly #log: (level: 'warn', message: string) => void;
  readonly #clock: Clock;
  #since_ms = Number.NEGATIVE_INFINITY;
  #lines = 0;

  constructor(log: (level: 'warn', message: string) => void, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  /** Writes a line if the error is a refusal. */
  note(error: MonitorError, { method, url, id, ip, headers, subject }: Refused): void {
    if (error.kind !== 'unauthenticated' && error.kind !== 'forbidden' && !CODES.has(error.code)) return;
    const now_ms = this.#clock.monotonic();
    if (now_ms - this.#since_ms >= MINUTE_MS) {
      const more = this.#lines - LINES_MAX;
      this.#since_ms = now_ms;
      this.#lines = 0;
      if (more > 0) this.#log('warn', `refused: ${more} more requests in the minute before`);
    }
    this.#lines += 1;
    if (this.#lines > LINES_MAX) return;
    // The id of a key is no secret; this one may be made up.
    const named = parseKey(keyOf(headers) ?? '');
    const who = subject?.role ? subject.actor : named ? `a caller with key ${named.id}` : 'a caller';
    const what = `${method} ${withoutKeys(url.split('?', 1)[0]!)}`;
    this.#log('warn', `refused: ${statusOf(error)} ${error.code} to ${who} from ${ip}: ${what} (${id})`);
  }
}
