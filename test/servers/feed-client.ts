/** Clients of the live feed for tests: a WebSocket and an SSE stream whose messages can be awaited. */
import assert from 'node:assert/strict';
import type { CallRequest } from '../../protocol/feed.ts';
import type { Cleaning } from '../processes/tmon.ts';
import type { Json } from './monitor.ts';

/** Received messages, and a waiting reader. */
class Messages {
  readonly all: Json[] = [];
  #taken = 0;
  #end: string | null = null;
  #wake: (() => void) | null = null;

  add(message: Json): void {
    this.all.push(message);
    this.#wake?.();
  }

  end(why: string): void {
    this.#end = why;
    this.#wake?.();
  }

  /** The next message for which `is` returns true; earlier ones are dropped. */
  async until(is: (message: Json) => boolean): Promise<Json> {
    for (;;) {
      while (this.#taken < this.all.length) {
        const message = this.all[this.#taken];
        this.#taken += 1;
        if (is(message)) return message;
      }
      if (this.#end !== null) throw new Error(`${this.#end}, after ${JSON.stringify(this.all.slice(-3))}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = null;
    }
  }
}

/** The fields of a call besides its operation. */
export type CallParts = Pick<CallRequest, 'params' | 'query' | 'body' | 'idempotency_key'>;

export class FeedClient {
  readonly socket: WebSocket;
  /** Resolves with the close's code and reason. */
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly #messages = new Messages();
  #ids = 0;
  readonly #calls = new Map<string, { resolve: (answer: Json) => void; reject: (error: Error) => void }>();

  /** Resolves once it is open. */
  static async open(t: Cleaning, url: string, key?: string, headers: Record<string, string> = {}): Promise<FeedClient> {
    const client = new FeedClient(url, key === undefined ? headers : { ...headers, authorization: `Bearer ${key}` });
    t.after(async () => {
      client.socket.close();
      await client.closed;
    });
    await new Promise<void>((resolve, reject) => {
      client.socket.onopen = () => resolve();
      client.socket.onerror = () => reject(new Error(`no WebSocket at ${url}`));
    });
    return client;
  }

  private constructor(url: string, headers: Record<string, string>) {
    const { host, search } = new URL(url);
    this.socket = new WebSocket(`ws://${host}/ws${search}`, { headers } as never);
    this.socket.onmessage = ({ data }) => {
      const message = JSON.parse(data as string);
      const called = this.#calls.get(message.id);
      this.#calls.delete(message.id);
      if (called) called.resolve(message);
      else this.#messages.add(message);
    };
    this.closed = new Promise((resolve) => {
      this.socket.onclose = ({ code, reason }) => {
        this.#messages.end(`closed with ${code} ${reason}`);
        for (const { reject } of this.#calls.values()) reject(new Error(`closed with ${code} before its answer`));
        resolve({ code, reason });
      };
    });
  }

  get messages(): readonly Json[] {
    return this.#messages.all;
  }

  /** A string is sent unchanged. */
  send(message: unknown): void {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  next(): Promise<Json> {
    return this.#messages.until(() => true);
  }

  until(is: (message: Json) => boolean): Promise<Json> {
    return this.#messages.until(is);
  }

  /** Sends it, and returns the next message. */
  ask(message: unknown): Promise<Json> {
    this.send(message);
    return this.next();
  }

  /** Resolves with its `answer` or `error`, whatever comes before. Rejects if the connection closes first. */
  call(operation: string, parts: CallParts = {}): Promise<Json> {
    this.#ids += 1;
    const id = `call-${this.#ids}`;
    this.send({ action: 'call', id, operation, ...parts });
    return new Promise((resolve, reject) => this.#calls.set(id, { resolve, reject }));
  }

  /** Resolves once everything sent before this call has been handled and its messages have arrived. */
  async settled(): Promise<void> {
    const id = `settled-${Math.random()}`;
    this.send({ action: 'none', id });
    await this.until((message) => message.id === id);
  }
}

export type ServerSentEvent = { id: string; data: Json };

export class EventsClient {
  readonly response: Response;
  #id = '';
  #alive: (id: string) => void = () => {};
  readonly #messages = new Messages();
  readonly #abort: AbortController;

  static async open(t: Cleaning, url: string, query = '', headers: Record<string, string> = {}): Promise<EventsClient> {
    const abort = new AbortController();
    const response = await fetch(`${url}/api/v1/events${query}`, { headers, signal: abort.signal });
    assert.equal(response.status, 200);
    const client = new EventsClient(response, abort);
    t.after(() => client.close());
    return client;
  }

  private constructor(response: Response, abort: AbortController) {
    this.response = response;
    this.#abort = abort;
    this.#read().then(
      () => this.#messages.end('the stream ended'),
      (error: Error) => this.#messages.end(`the stream broke: ${error.message}`),
    );
  }

  next(): Promise<ServerSentEvent> {
    return this.#messages.until(() => true);
  }

  until(is: (event: ServerSentEvent) => boolean): Promise<ServerSentEvent> {
    return this.#messages.until(is);
  }

  /** The next `id:` without an event. */
  alive(): Promise<string> {
    return new Promise((resolve) => {
      this.#alive = resolve;
    });
  }

  close(): void {
    this.#abort.abort();
  }

  async #read(): Promise<void> {
    let text = '';
    for await (const chunk of this.response.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        this.#hear(text.slice(0, end));
        text = text.slice(end + 2);
      }
    }
  }

  #hear(block: string): void {
    // The comment at the beginning.
    if (block === ':') return;
    let data: string | undefined;
    for (const line of block.split('\n')) {
      if (line.startsWith('id: ')) this.#id = line.slice(4);
      else if (line.startsWith('data: ')) data = line.slice(6);
      else assert.fail(`no line of SSE that we send: ${line}`);
    }
    if (data !== undefined) this.#messages.add({ id: this.#id, data: JSON.parse(data) });
    else this.#alive(this.#id);
  }
}
