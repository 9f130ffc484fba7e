/** The other side of store-thread.ts: the thread in which a store works. */
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../clock.ts';
import { openStore } from './open-store.ts';
import { type GetResult, type ListedObject, type ObjectStore, StoreError } from './store.ts';
import type { Answer, Ask, ListPage, Opened, ThreadData, ToldError, ToldRaceAnswer } from './store-thread.ts';

const PAGE = 1000;

const port = parentPort!;
const lists = new Map<number, AsyncIterator<ListedObject>>();
/** What was asked and is not answered yet, but for closing. */
const running = new Set<Promise<void>>();
let leaving: Answer[] = [];

function tell(answer: Answer): void {
  // After all that is settled in this turn.
  if (leaving.length === 0) process.nextTick(leave);
  leaving.push(answer);
}

function leave(): void {
  const answers = leaving;
  leaving = [];
  port.postMessage(answers, answers.flatMap(memoryOf));
}

function memoryOf(answer: Answer): ArrayBuffer[] {
  const { bytes } = ('value' in answer ? (answer.value ?? {}) : {}) as { bytes?: Uint8Array<ArrayBuffer> };
  return bytes === undefined ? [] : [bytes.buffer];
}

async function answer(id: number, work: () => Promise<unknown>): Promise<void> {
  try {
    tell({ id, value: await work() });
  } catch (error) {
    tell({ id, error: told(error) });
  }
}

function told(error: unknown): ToldError {
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

function run(store: ObjectStore, ask: Ask): Promise<unknown> {
  switch (ask.op) {
    case 'putIfAbsent':
      return store.putIfAbsent(ask.key, ask.bytes);
    case 'put':
      return store.put(ask.key, ask.bytes);
    case 'get':
      return get(store, ask.key);
    case 'delete':
      return store.delete(ask.key);
    case 'list':
      lists.set(
        ask.list,
        store.list(ask.prefix, ask.after === undefined ? {} : { after: ask.after })[Symbol.asyncIterator](),
      );
      return page(ask.list);
    case 'more':
      return page(ask.list);
    case 'leave':
      return endList(ask.list);
    case 'race':
      return race(store, ask.key, ask.bodies);
    case 'inspect':
      return store.inspect!();
    case 'identify':
      return store.identify!();
    case 'close':
      return Promise.all(running).then(() => store.close());
  }
}

/** What it read lies in memory of its own, so that it can be handed over. */
async function get(store: ObjectStore, key: string): Promise<GetResult> {
  const got = await store.get(key);
  if (!got.found) return got;
  const { bytes } = got;
  return { ...got, bytes: bytes.length === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes) };
}

async function race(store: ObjectStore, key: string, bodies: readonly Uint8Array[]): Promise<ToldRaceAnswer[]> {
  const answers = await store.race!(key, bodies);
  return answers.map((answer) => ('error' in answer ? { error: told(answer.error) } : answer));
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
    // At its end, and where it can't go on.
    if (last) lists.delete(list);
  }
  return { objects, last };
}

async function endList(list: number): Promise<void> {
  await lists.get(list)?.return?.();
  lists.delete(list);
}

const { url, ...options } = workerData as ThreadData;
await answer(0, async (): Promise<Opened> => {
  const store = await openStore(url, { clock: systemClock, ...options });
  port.on('message', (asks: Ask[]) => {
    for (const ask of asks) {
      const answering = answer(ask.id, () => run(store, ask));
      if (ask.op !== 'close') running.add(answering);
      void answering.then(() => running.delete(answering));
      // Nothing is left to do, so the thread ends; its answer leaves first.
      if (ask.op === 'close') void answering.then(() => setImmediate(() => port.close()));
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
