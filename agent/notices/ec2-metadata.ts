/**
 * The EC2 instance metadata service, version 2 (IMDSv2): a token for a session, then reads with it. The token is renewed
 * before it ends, and when the service refuses it.
 *
 * Requests never go through a proxy: a proxy would return its own machine's metadata.
 */
import { Agent, request } from 'node:http';
import type { Clock } from '../clock.ts';

export type Ec2MetadataOptions = { endpoint: string; clock: Clock; timeout_ms?: number };

type Answer = { status: number; ttl_seconds: number; text: string };

const TTL_SECONDS = 21_600;
const RENEW_BEFORE_MS = 60_000;
const TIMEOUT_MS = 1_000;
const BYTES_MAX = 4_096;

export class Ec2Metadata {
  readonly #options: Ec2MetadataOptions;
  /** Its own, because the global one may use a proxy. */
  readonly #agent = new Agent();
  #token: { value: string; renew_at_ms: number } | undefined;

  constructor(options: Ec2MetadataOptions) {
    this.#options = options;
  }

  /** The text at `/latest/meta-data/<path>`; null if there is none (404). Rejects on everything else. */
  async get(path: string, signal: AbortSignal): Promise<string | null> {
    const read = async () => {
      const headers = { 'x-aws-ec2-metadata-token': await this.#validToken(signal) };
      return this.#send('GET', `/latest/meta-data/${path}`, headers, signal);
    };
    let answer = await read();
    if (answer.status === 401) {
      this.#token = undefined;
      answer = await read();
    }
    if (answer.status === 404) return null;
    if (answer.status === 200) return answer.text;
    throw new Error(`${this.#options.endpoint}: status ${answer.status} for ${path}`);
  }

  /** Opens a session. Rejects if there is no such service. */
  async open(signal: AbortSignal): Promise<void> {
    await this.#validToken(signal);
  }

  async #validToken(signal: AbortSignal): Promise<string> {
    const { clock, endpoint } = this.#options;
    if (this.#token && clock.monotonic() < this.#token.renew_at_ms) return this.#token.value;
    const asked_ms = clock.monotonic();
    const headers = { 'x-aws-ec2-metadata-token-ttl-seconds': String(TTL_SECONDS) };
    const { status, text, ttl_seconds } = await this.#send('PUT', '/latest/api/token', headers, signal);
    // What stands in for the service elsewhere (a router, a proxy) responds with a page. A token fits into a header.
    if (status !== 200 || !/^[\x21-\x7e]+$/.test(text)) throw new Error(`${endpoint}: no token, status ${status}`);
    const ttl_ms = ttl_seconds * 1000;
    this.#token = { value: text, renew_at_ms: asked_ms + Math.max(ttl_ms / 2, ttl_ms - RENEW_BEFORE_MS) };
    return text;
  }

  #send(method: string, path: string, headers: Record<string, string>, stop: AbortSignal): Promise<Answer> {
    const { endpoint, timeout_ms = TIMEOUT_MS } = this.#options;
    const signal = AbortSignal.any([stop, AbortSignal.timeout(timeout_ms)]);
    return new Promise<Answer>((resolve, reject) => {
      const sent = request(new URL(path, endpoint), { method, headers, signal, agent: this.#agent }, (response) => {
        let text = '';
        response.setEncoding('latin1');
        response.on('error', reject);
        response.on('data', (part: string) => {
          text += part;
          if (text.length > BYTES_MAX) response.destroy(new Error(`more than ${BYTES_MAX} bytes`));
        });
        response.on('end', () => {
          const ttl_seconds = Number(response.headers['x-aws-ec2-metadata-token-ttl-seconds']);
          resolve({ status: response.statusCode ?? 0, ttl_seconds: ttl_seconds > 0 ? ttl_seconds : TTL_SECONDS, text });
        });
      });
      sent.on('error', reject);
      sent.end();
    }).catch((error: Error) => {
      throw new Error(signal.aborted ? `${endpoint} does not respond` : `${endpoint}: ${error.message}`);
    });
  }
}
