/** The other side of store-thread.ts: runs a store in a thread. */
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../clock.ts';
import { openStore } from './open-store.ts';
import { type GetResult, type ListedObject, type ObjectStore, StoreError } from './store.ts';
import type { ErrorParts, ListPage, Opened, RaceReply, Reply, Request, ThreadData } from './store-thread.ts';

const PAGE = 1000;

const port = parentPort!;
const lists = new Map<number, AsyncIterator<ListedObject>>();
/** Requests without a reply yet, except `close`. */
const running = new Set<Promise<void>>();
let outgoing: Reply[] = [];

function reply(one: Reply): void {
  // Together with everything else that settles in this turn.
  if (outgoing.length === 0) process.nextTick(send);
  outgoing.push(one);
}

function send(): void {
  const replies = outgoing;
  outgoing = [];
  port.postMessage(replies, replies.flatMap(memoryOf));
}

function memoryOf(one: Reply): ArrayBuffer[] {
  const { bytes } = ('value' in one ? (one.value ?? {}) : {}) as { bytes?: Uint8Array<ArrayBuffer> };
  return bytes === undefined ? [] : [bytes.buffer];
}

async function execute(id: number, work: () => Promise<unknown>): Promise<void> {
  try {
    reply({ id, value: await work() });
  } catch (error) {
    reply({ id, error: partsOf(error) });
  }
}

function partsOf(error: unknown): ErrorParts {
  if (error instanceof StoreError) {
    const { kind, code, message, hint } = error;
    return { kind, code, message, hint };
  }
  return {
    kind: null,
    code: '',
    message: error instanceof Error ? (error.stack ?? error.message) : String(error),
    hint: undefined,
  };
}

function run(store: ObjectStore, request: Request): Promise<unknown> {
  switch (request.op) {
    case 'putIfAbsent':
      return store.putIfAbsent(request.key, request.bytes);
    case 'put':
      return store.put(request.key, request.bytes);
    case 'get':
      return get(store, request.key);
    case 'delete':
      return store.delete(request.key);
    case 'list':
      lists.set(
        request.list,
        store.list(request.prefix, request.after === undefined ? {} : { after: request.after })[Symbol.asyncIterator](),
      );
      return page(request.list);
    case 'more':
      return page(request.list);
    case 'leave':
      return endList(request.list);
    case 'race':
      return race(store, request.key, request.bodies);
    case 'inspect':
      return store.inspect!();
    case 'identify':
      return store.identify!();
    case 'close':
      return Promise.all(running).then(() => store.close());
  }
}

/** With bytes in their own memory, which can be transferred. */
async function get(store: ObjectStore, key: string): Promise<GetResult> {
  const got = await store.get(key);
  if (!got.found) return got;
  const { bytes } = got;
  return { ...got, bytes: bytes.length === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes) };
}

async function race(store: ObjectStore, key: string, bodies: readonly Uint8Array[]): Promise<RaceReply[]> {
  const results = await store.race!(key, bodies);
  return results.map((result) => ('error' in result ? { error: partsOf(result.error) } : result));
}

async function page(list: number): Promise<ListPage> {
  const iterator = lists.get(list)!;
  const objects: ListedObject[] = [];
  let last = true;
  try {
    while (objects.length < PAGE) {
      const { done, value } = await iterator.next();
      if (done) return { objects, last };
      objects.push(value);
    }
    last = false;
  } finally {
    // At the end of the list, and after an error.
    if (last) lists.delete(list);
  }
  return { objects, last };
}

async function endList(list: number): Promise<void> {
  await lists.get(list)?.return?.();
  lists.delete(list);
}

const { url, ...options } = workerData as ThreadData;
await execute(0, async (): Promise<Opened> => {
  const store = await openStore(url, { clock: systemClock, ...options });
  port.on('message', (requests: Request[]) => {
    for (const request of requests) {
      const executed = execute(request.id, () => run(store, request));
      if (request.op !== 'close') running.add(executed);
      void executed.then(() => running.delete(executed));
      // Nothing is left to do, so the thread ends; the reply leaves first.
      if (request.op === 'close') void executed.then(() => setImmediate(() => port.close()));
    }
  });
  const base = store.locate('x').slice(0, -1);
  return {
    url: store.url,
    shared: store.shared,
    base,
    inspects: store.inspect !== undefined,
    identifies: store.identify !== undefined,
    races: store.race !== undefined,
  };
});
