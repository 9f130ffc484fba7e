/**
 * A store that works in a separate thread. For its caller each call is one message and one reply, whatever the adapter
 * does for it; calls of one turn of the event loop leave together, and so do replies.
 *
 *     caller → StoreThread ──(Request[])──→ store-thread-worker.ts → the store of the URL
 *                          ←──(Reply[])───
 *
 * Measured with `npm run bench -- --only race,monitor-websocket`: a put to a directory is seven system calls, and
 * waking a thread of the pool for each cost the event loop a seventh of its time. The thread holds the store's lock;
 * should it ever die, the lock is gone with it: every later call is `unavailable`, and `failed` says so, for the
 * process has to be started again.
 *
 * The thread ends by itself: after it has closed the store, or when it could not open it. It is never terminated, which
 * can wait for a call to the disk that is under way; the process may end before it.
 */
import { Worker } from 'node:worker_threads';
import { ownProgram, threadOptions } from '../../installation/own-files.ts';
import { type OpenStoreOptions, openStore } from './open-store.ts';
import {
  type GetResult,
  type ListedObject,
  type ListOptions,
  type ObjectStore,
  type PutIfAbsentResult,
  type RaceResult,
  StoreError,
  type StoreErrorKind,
  type StoreFinding,
  type StoreIdentity,
} from './store.ts';

/** Options of the thread. */
export type ThreadData = { url: string } & Omit<OpenStoreOptions, 'clock'>;

/** A list is read a page at a time; `list` identifies it. */
export type Request = { id: number } & (
  | { op: 'putIfAbsent' | 'put'; key: string; bytes: Uint8Array }
  | { op: 'get' | 'delete'; key: string }
  | { op: 'list'; list: number; prefix: string; after: string | undefined }
  | { op: 'more' | 'leave'; list: number }
  | { op: 'race'; key: string; bodies: readonly Uint8Array[] }
  | { op: 'inspect' | 'identify' | 'close' }
);

export type ErrorParts = { kind: StoreErrorKind | null; code: string; message: string; hint: string | undefined };

export type Reply = { id: number } & ({ value: unknown } | { error: ErrorParts });

/** The first reply: properties of the store that need no call. `base` precedes every key in what `locate` returns. */
export type Opened = {
  url: string;
  shared: boolean;
  base: string;
  inspects: boolean;
  identifies: boolean;
  races: boolean;
};

/** The results of a race, with errors in the form that crosses threads. */
export type RaceReply = { created: boolean } | { error: ErrorParts };

export type ListPage = { objects: ListedObject[]; last: boolean };

type Body<A> = A extends unknown ? Omit<A, 'id'> : never;
type Waiting = { resolve: (value: unknown) => void; reject: (error: Error) => void };

/**
 * Opens the store of a URL in a thread; a store in memory, which never waits, is opened directly. Throws as `openStore`
 * does.
 */
export async function openStoreInThread(url: string, options: OpenStoreOptions): Promise<ObjectStore> {
  if (/^memory:/i.test(url)) return openStore(url, options);
  const { clock: _, ...rest } = options;
  const workerData: ThreadData = { url, ...rest };
  const program = ownProgram('store-thread-worker', import.meta.url);
  const thread = new Worker(program, { workerData, name: 'store', ...threadOptions });
  const channel = new ThreadChannel(thread);
  try {
    return new StoreThread(channel, (await channel.opened) as Opened);
  } catch (error) {
    channel.end();
    throw error;
  }
}

class StoreThread implements ObjectStore {
  readonly url: string;
  readonly shared: boolean;
  readonly failed: Promise<StoreError>;
  readonly #base: string;
  readonly #channel: ThreadChannel;
  readonly inspect?: () => Promise<StoreFinding[]>;
  readonly identify?: () => Promise<StoreIdentity>;
  readonly race?: (key: string, bodies: readonly Uint8Array[]) => Promise<RaceResult[]>;
  #lists = 0;

  constructor(channel: ThreadChannel, { url, shared, base, inspects, identifies, races }: Opened) {
    this.url = url;
    this.shared = shared;
    this.failed = channel.failed;
    this.#base = base;
    this.#channel = channel;
    if (inspects) this.inspect = () => channel.call({ op: 'inspect' });
    if (identifies) this.identify = () => channel.call({ op: 'identify' });
    if (races) {
      this.race = async (key, bodies) => {
        const results = await channel.call<RaceReply[]>({ op: 'race', key, bodies });
        return results.map((result) => ('error' in result ? { error: asError(result.error) as StoreError } : result));
      };
    }
  }

  putIfAbsent(key: string, bytes: Uint8Array): Promise<PutIfAbsentResult> {
    return this.#channel.call({ op: 'putIfAbsent', key, bytes: copyOf(bytes) });
  }

  get(key: string): Promise<GetResult> {
    return this.#channel.call({ op: 'get', key });
  }

  async *list(prefix: string, { after }: ListOptions = {}): AsyncIterable<ListedObject> {
    const list = ++this.#lists;
    let page = await this.#channel.call<ListPage>({ op: 'list', list, prefix, after });
    try {
      for (;;) {
        yield* page.objects;
        if (page.last) return;
        page = await this.#channel.call<ListPage>({ op: 'more', list });
      }
    } finally {
      if (!page.last) await this.#channel.call({ op: 'leave', list });
    }
  }

  put(key: string, bytes: Uint8Array): Promise<void> {
    return this.#channel.call({ op: 'put', key, bytes: copyOf(bytes) });
  }

  delete(key: string): Promise<void> {
    return this.#channel.call({ op: 'delete', key });
  }

  locate(key: string): string {
    return this.#base + key;
  }

  async close(): Promise<void> {
    try {
      await this.#channel.call({ op: 'close' });
    } finally {
      this.#channel.end();
    }
  }
}

/** Requests to the thread, and their replies. */
class ThreadChannel {
  readonly opened: Promise<unknown>;
  readonly failed: Promise<StoreError>;
  readonly #thread: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #outgoing: Request[] = [];
  #last = 0;
  #ended: StoreError | null = null;

  constructor(thread: Worker) {
    this.#thread = thread;
    this.opened = new Promise((resolve, reject) => this.#waiting.set(0, { resolve, reject }));
    thread.on('message', (replies: Reply[]) => {
      for (const reply of replies) this.#settle(reply);
    });
    this.failed = new Promise((resolve) => {
      const fail = (message: string, cause?: Error) => {
        if (!this.#ended) resolve(this.#fail(message, cause));
      };
      thread.on('error', (error: Error) => fail(`the store's thread has failed: ${error.message}`, error));
      thread.on('exit', () => fail("the store's thread has ended"));
    });
  }

  /** The memory of its bytes is transferred to the thread. */
  call<T>(body: Body<Request>): Promise<T> {
    if (this.#ended) return Promise.reject(this.#ended);
    const id = ++this.#last;
    if (this.#outgoing.length === 0) process.nextTick(() => this.#send());
    this.#outgoing.push({ id, ...body } as Request);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
    });
  }

  /** For a store that is closed, or could not be opened: no need to wait for the thread to end. */
  end(): void {
    this.#fail('the store is closed');
    this.#thread.unref();
  }

  #send(): void {
    const requests = this.#outgoing;
    this.#outgoing = [];
    const bytes = requests.flatMap((request) => ('bytes' in request ? [request.bytes.buffer as ArrayBuffer] : []));
    this.#thread.postMessage(requests, bytes);
  }

  #settle(reply: Reply): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if ('error' in reply) waiting?.reject(asError(reply.error));
    else waiting?.resolve(reply.value);
  }

  #fail(message: string, cause?: Error): StoreError {
    this.#ended ??= new StoreError('unavailable', 'store_unavailable', message, { cause });
    for (const { reject } of this.#waiting.values()) reject(this.#ended);
    this.#waiting.clear();
    return this.#ended;
  }
}

/** Bytes in their own memory, which can be transferred: a small Buffer is part of a shared pool. */
function copyOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

function asError({ kind, code, message, hint }: ErrorParts): Error {
  if (kind === null) return new Error(message);
  return new StoreError(kind, code, message, hint === undefined ? {} : { hint });
}
