/**
 * A monitor in the test's own process, called over real HTTP: in memory by default, on a free port, stopped with the
 * test. For one that can be killed see test/processes/tmon.ts.
 */
import { formatKey } from '../../protocol/key.ts';
import { type Clock, systemClock } from '../../server/clock.ts';
import { readSettings, type Settings } from '../../server/config.ts';
import { startMonitor } from '../../server/main.ts';
import { MemoryStore } from '../../server/objects/memory.ts';
import type { ObjectStore } from '../../server/objects/store.ts';
import type { Cleaning } from '../processes/tmon.ts';

// biome-ignore lint/suspicious/noExplicitAny: assertions check what comes over the wire.
export type Json = any;

export type ApiResponse<T = Json> = { status: number; headers: Headers; text: string; body: T };

/** A string, bytes or a stream is sent unchanged; anything else as JSON. */
export type Send = { body?: unknown; headers?: Record<string, string>; signal?: AbortSignal };

/** Any key, for the setting `admin_key_hash`. */
export const ADMIN_KEY = formatKey({ id: 'admin000000', secret: 'theSecretOfTheAdministrator' });

/** How often the monitor may report that a segment has not arrived; it waits 5 s each time. */
const IDLE_MAX = 12;

export class Caller {
  readonly url: string;
  readonly #key: string | undefined;

  /** `key`: sent with every request. */
  constructor(url: string, key?: string) {
    this.url = url;
    this.#key = key;
  }

  /** The same monitor, with this key. */
  withKey(key: string): Caller {
    return new Caller(this.url, key);
  }

  /** Any path of the server, for example `/readyz`. */
  async call<T = Json>(
    method: string,
    path: string,
    { body, headers = {}, signal }: Send = {},
  ): Promise<ApiResponse<T>> {
    const raw = typeof body === 'string' || body instanceof Uint8Array || body instanceof ReadableStream;
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: {
        ...(body === undefined || raw ? {} : { 'content-type': 'application/json' }),
        ...(this.#key === undefined ? {} : { authorization: `Bearer ${this.#key}` }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: raw ? (body as string) : JSON.stringify(body) }),
      ...(body instanceof ReadableStream ? { duplex: 'half' as const } : {}),
      ...(signal ? { signal } : {}),
    });
    const text = await response.text();
    const json = /json/.test(response.headers.get('content-type') ?? '') && text !== '';
    return { status: response.status, headers: response.headers, text, body: json ? JSON.parse(text) : undefined };
  }

  get<T = Json>(path: string, headers: Record<string, string> = {}): Promise<ApiResponse<T>> {
    return this.call('GET', `/api/v1${path}`, { headers });
  }

  post<T = Json>(path: string, body?: unknown, headers: Record<string, string> = {}): Promise<ApiResponse<T>> {
    return this.call('POST', `/api/v1${path}`, { body, headers });
  }

  put<T = Json>(path: string, body?: unknown, headers: Record<string, string> = {}): Promise<ApiResponse<T>> {
    return this.call('PUT', `/api/v1${path}`, { body, headers });
  }

  delete<T = Json>(path: string, headers: Record<string, string> = {}): Promise<ApiResponse<T>> {
    return this.call('DELETE', `/api/v1${path}`, { headers });
  }

  /** Retries after every segment until `is` returns true for the body. Throws if no more segments arrive. */
  async until<T = Json>(path: string, is: (body: T) => boolean): Promise<T> {
    let seq = 0;
    let last = '';
    for (let idle = 0; idle < IDLE_MAX; ) {
      const { status, headers, body, text } = await this.get<T>(
        `${path}${path.includes('?') ? '&' : '?'}min_seq=${seq}`,
      );
      if (status === 200 && is(body)) return body;
      if (status === 200) last = text;
      idle = status === 200 ? 0 : idle + 1;
      seq = Number(headers.get('tmon-seq') ?? 0) + 1;
    }
    throw new Error(`${path} never matched; its last value is ${last}`);
  }
}

export type Monitor = Caller & { store: ObjectStore; settings: Settings; stop(): Promise<void> };

export type MonitorOptions = Partial<Settings> & { clock?: Clock; objects?: ObjectStore };

/** `objects`: the test’s own store, which outlives the monitor or fails. */
export async function openMonitor(t: Cleaning, options: MonitorOptions = {}): Promise<Monitor> {
  const { clock = systemClock, objects, ...overrides } = options;
  const settings = readSettings(
    { store: 'memory:', listen: '127.0.0.1:0', fleet: 'none:', log_level: 'silent', retry_base_ms: 0, ...overrides },
    {},
  );
  const store = objects ?? (settings.store === 'memory:' ? new MemoryStore(clock) : undefined);
  const running = await startMonitor(settings, { clock, ...(store ? { store } : {}) });
  t.after(() => running.stop());
  return Object.assign(new Caller(running.url), { store: store!, settings, stop: () => running.stop() });
}
