/**
 * The feed for networks in which no WebSocket gets through: the same messages from server-sent events, one request for each
 * subscription, behind the interface of a WebSocket.
 */
import type { FeedRequest, SubscribeRequest } from '../../protocol/feed.ts';
import { RefusedError } from './errors.ts';
import type { Socket } from './socket.ts';

/** Sends `GET /events`; rejects as every call does. */
export type OpenEvents = (query: Record<string, string>, signal: AbortSignal) => Promise<Response>;

const OPEN = 1;
const CLOSED = 3;
/** The monitor sends something every 15 s. */
const SILENCE_MS = 35_000;
/** A list of 1,000 workers has about a megabyte. */
const EVENT_CHARACTERS_MAX = 64 * 1024 * 1024;

type Stream = { stop: AbortController; heard_ms: number };

export class EventsSocket implements Socket {
  readyState = 0;
  onopen: (() => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  onerror: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  readonly #open: OpenEvents;
  readonly #streams = new Map<string, Stream>();

  constructor(open: OpenEvents) {
    this.#open = open;
    queueMicrotask(() => {
      if (this.readyState === CLOSED) return;
      this.readyState = OPEN;
      this.onopen?.();
    });
  }

  send(text: string): void {
    const request = JSON.parse(text) as FeedRequest;
    switch (request.action) {
      case 'subscribe':
        return void this.#follow(request);
      case 'unsubscribe':
        return this.#stop(keyOf(request));
      case 'ping': {
        const since_ms = performance.now() - SILENCE_MS;
        if ([...this.#streams.values()].every(({ heard_ms }) => heard_ms > since_ms)) this.#say({ type: 'pong' });
      }
    }
  }

  close(): void {
    this.readyState = CLOSED;
    for (const key of [...this.#streams.keys()]) this.#stop(key);
  }

  #say(message: object): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  #stop(key: string): void {
    this.#streams.get(key)?.stop.abort();
    this.#streams.delete(key);
  }

  async #follow(request: SubscribeRequest): Promise<void> {
    const key = keyOf(request);
    this.#stop(key);
    const stream = { stop: new AbortController(), heard_ms: performance.now() };
    this.#streams.set(key, stream);
    const { signal } = stream.stop;
    const { id, resource } = request;
    try {
      const response = await this.#open(queryOf(request), signal);
      if (!/^text\/event-stream\b/i.test(response.headers.get('content-type') ?? '')) throw new Error('not events');
      if (signal.aborted) return;
      this.#say({ type: 'subscribed', id, resource });
      for await (const data of eventsOf(response, () => {
        stream.heard_ms = performance.now();
      })) {
        if (signal.aborted) return;
        this.onmessage?.({ data });
      }
      throw new Error('the stream has ended');
    } catch (error) {
      if (signal.aborted) return;
      // A monitor that is reading its journal refuses, too.
      if (error instanceof RefusedError && error.status! < 500) {
        this.#stop(key);
        const { code, status, message: detail, hint } = error;
        this.#say({ type: 'error', id, code, status, detail, ...(hint === undefined ? {} : { hint }) });
        return;
      }
      this.close();
      this.onclose?.({ code: 1006, reason: '' });
    }
  }
}

const keyOf = ({ resource, job_id = '', worker_id = '', filter = {} }: Omit<SubscribeRequest, 'action'>): string =>
  JSON.stringify([resource, job_id, worker_id, filter]);

function queryOf({ resource, job_id, worker_id, filter, since }: SubscribeRequest): Record<string, string> {
  const query = { resource, job_id, worker_id, ...filter, since: since && `${since.seq}.${since.index}` };
  return Object.fromEntries(Object.entries(query).filter((one): one is [string, string] => one[1] !== undefined));
}

/** The data of each event. `onPart`: anything has arrived. */
async function* eventsOf({ body }: Response, onPart: () => void): AsyncGenerator<string, void, void> {
  const reader = body!.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      onPart();
      const events = (rest + decoder.decode(value, { stream: true })).split(/\r?\n\r?\n/);
      rest = events.pop()!;
      if (rest.length > EVENT_CHARACTERS_MAX) throw new Error('an event without end');
      for (const event of events) {
        const lines = event.split(/\r?\n/).flatMap((line) => /^data: ?(.*)$/s.exec(line)?.[1] ?? []);
        if (lines.length > 0) yield lines.join('\n');
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
