/**
 * A store that works in a thread of its own. To its caller each call is one message and one answer, whatever the adapter does for
 * it; calls of one turn of the event loop leave together, and so do answers.
 *
 *     caller → StoreThread ──(Ask[])──→ store-thread-worker.ts → the store of the URL
 *                          ←─(Answer[])──
 *
 * Measured with `npm run bench -- --only race,monitor-websocket`: a put to a directory is seven system calls, and waking a thread of the
 * pool for each cost the event loop a seventh of its time. The thread holds the store's lock; should it ever die, the
 * lock is gone with it: every later call is `unavailable`, and `failed` says so, for the process has to be started again.
 *
 * The thread ends by itself: after it has closed the store, or when it could not open it. It is never terminated, which can wait for
 * a call to the disk that is under way; the process may end before it.
 */
import { Worker } from 'node:worker_threads';
import { type OpenStoreOptions, openStore } from './open-store.ts';
import {
  type GetResult,
  type ListedObject,
  type ListOptions,
  type ObjectStore,
  type PutIfAbsentResult,
  type RaceAnswer,
  StoreError,
  type StoreErrorKind,
  type StoreFinding,
  type StoreIdentity,
} from './store.ts';

/** What the thread is started with. */
export type ThreadData = { url: string } & Omit<OpenStoreOptions, 'clock'>;

/** `lists` are walked through a page at a time; `list` names one. */
export type Ask = { id: number } & (
  | { op: 'putIfAbsent' | 'put'; key: string; bytes: Uint8Array }
  | { op: 'get' | 'delete'; key: string }
  | { op: 'list'; list: number; prefix: string; after: string | undefined }
  | { op: 'more' | 'leave'; list: number }
  | { op: 'race'; key: string; bodies: readonly Uint8Array[] }
  | { op: 'inspect' | 'identify' | 'close' }
);

export type ToldError = { kind: StoreErrorKind | null; code: string; message: string; hint: string | undefined };

export type Answer = { id: number } & ({ value: unknown } | { error: ToldError });

/** The first answer: what is known of the store without asking it. `base` stands before every key in what `locate` says. */
export type Opened = {
  url: string;
  shared: boolean;
  base: string;
  inspects: boolean;
  identifies: boolean;
  races: boolean;
};

/** As an error of the store's travels in an answer that is not one itself. */
export type ToldRaceAnswer = { created: boolean } | { error: ToldError };

export type ListPage = { objects: ListedObject[]; last: boolean };

type Body<A> = A extends unknown ? Omit<A, 'id'> : never;
type Waiting = { resolve: (value: unknown) => void; reject: (error: Error) => void };

/** Opens the store that a URL names, in a thread, but for memory, which nobody waits for. Throws as `openStore` does. */
export async function openStoreInThread(url: string, options: OpenStoreOptions): Promise<ObjectStore> {
  if (url.startsWith('memory:')) return openStore(url, options);
  const { clock: _, ...told } = options;
  const workerData: ThreadData = { url, ...told };
  const thread = new Worker(new URL('store-thread-worker.ts', import.meta.url), { workerData, name: 'store' });
  const calls = new Calls(thread);
  try {
    return new StoreThread(calls, (await calls.opened) as Opened);
  } catch (error) {
    calls.end();
    throw error;
  }
}

class StoreThread implements ObjectStore {
  readonly url: string;
  readonly shared: boolean;
  readonly failed: Promise<StoreError>;
  readonly #base: string;
  readonly #calls: Calls;
  readonly inspect?: () => Promise<StoreFinding[]>;
  readonly identify?: () => Promise<StoreIdentity>;
  readonly race?: (key: string, bodies: readonly Uint8Array[]) => Promise<RaceAnswer[]>;
  #lists = 0;

  constructor(calls: Calls, { url, shared, base, inspects, identifies, races }: Opened) {
    this.url = url;
    this.shared = shared;
    this.failed = calls.failed;
    this.#base = base;
    this.#calls = calls;
    if (inspects) this.inspect = () => calls.ask({ op: 'inspect' });
    if (identifies) this.identify = () => calls.ask({ op: 'identify' });
    if (races) {
      this.race = async (key, bodies) => {
        const answers = await calls.ask<ToldRaceAnswer[]>({ op: 'race', key, bodies });
        return answers.map((answer) => ('error' in answer ? { error: asError(answer.error) as StoreError } : answer));
      };
    }
  }

  putIfAbsent(key: string, bytes: Uint8Array): Promise<PutIfAbsentResult> {
    return this.#calls.ask({ op: 'putIfAbsent', key, bytes: copyOf(bytes) });
  }

  get(key: string): Promise<GetResult> {
    return this.#calls.ask({ op: 'get', key });
  }

  async *list(prefix: string, { after }: ListOptions = {}): AsyncIterable<ListedObject> {
    const list = ++this.#lists;
    let page = await this.#calls.ask<ListPage>({ op: 'list', list, prefix, after });
    try {
      for (;;) {
        yield* page.objects;
        if (page.last) return;
        page = await this.#calls.ask<ListPage>({ op: 'more', list });
      }
    } finally {
      if (!page.last) await this.#calls.ask({ op: 'leave', list });
    }
  }

  put(key: string, bytes: Uint8Array): Promise<void> {
    return this.#calls.ask({ op: 'put', key, bytes: copyOf(bytes) });
  }

  delete(key: string): Promise<void> {
    return this.#calls.ask({ op: 'delete', key });
  }

  locate(key: string): string {
    return this.#base + key;
  }

  async close(): Promise<void> {
    try {
      await this.#calls.ask({ op: 'close' });
    } finally {
      this.#calls.end();
    }
  }
}

/** Calls on their way to the thread and back. */
class Calls {
  readonly opened: Promise<unknown>;
  readonly failed: Promise<StoreError>;
  readonly #thread: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #leaving: Ask[] = [];
  #last = 0;
  #ended: StoreError | null = null;

  constructor(thread: Worker) {
    this.#thread = thread;
    this.opened = new Promise((resolve, reject) => this.#waiting.set(0, { resolve, reject }));
    thread.on('message', (answers: Answer[]) => {
      for (const answer of answers) this.#settle(answer);
    });
    this.failed = new Promise((resolve) => {
      const fail = (message: string, cause?: Error) => {
        if (!this.#ended) resolve(this.#fail(message, cause));
      };
      thread.on('error', (error: Error) => fail(`the store's thread has failed: ${error.message}`, error));
      thread.on('exit', () => fail("the store's thread has ended"));
    });
  }

  /** The bytes that it carries are the thread's from now on. */
  ask<T>(body: Body<Ask>): Promise<T> {
    if (this.#ended) return Promise.reject(this.#ended);
    const id = ++this.#last;
    if (this.#leaving.length === 0) process.nextTick(() => this.#leave());
    this.#leaving.push({ id, ...body } as Ask);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
    });
  }

  /** The store is closed already, or never was open: nobody needs to wait for the thread's own end. */
  end(): void {
    this.#fail('the store is closed');
    this.#thread.unref();
  }

  #leave(): void {
    const asks = this.#leaving;
    this.#leaving = [];
    const bytes = asks.flatMap((ask) => ('bytes' in ask ? [ask.bytes.buffer as ArrayBuffer] : []));
    this.#thread.postMessage(asks, bytes);
  }

  #settle(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if ('error' in answer) waiting?.reject(asError(answer.error));
    else waiting?.resolve(answer.value);
  }

  #fail(message: string, cause?: Error): StoreError {
    this.#ended ??= new StoreError('unavailable', 'store_unavailable', message, { cause });
    for (const { reject } of this.#waiting.values()) reject(this.#ended);
    this.#waiting.clear();
    return this.#ended;
  }
}

/** Exactly these, and not the pool that a small Buffer lies in; its new owner may do with them as it likes. */
function copyOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

function asError({ kind, code, message, hint }: ToldError): Error {
  if (kind === null) return new Error(message);
  return new StoreError(kind, code, message, hint === undefined ? {} : { hint });
}
