/**
 * The store check: whether a store keeps what the journal rests on, found out by doing it.
 *
 * Several servers that speak S3 create one object for several racing writers, or ignore `If-None-Match` altogether, and
 * then two histories would be acknowledged. So the monitor refuses a store that fails. Everything happens under
 * `doctor/<random>/`, which is removed at the end.
 *
 * Cost of the full check in a bucket (S3 Standard): 26,000 requests, about $0.07. The quick one: about 90, $0.0004.
 */
import { type ListedObject, type ObjectStore, type PutIfAbsentResult, StoreError, type StoreFinding } from './store.ts';

export type StoreCheckOptions = {
  /** How many race for one key. */
  writers: number;
  /** How many fresh keys they race for, one after the other. */
  keys: number;
};

/** `tmon doctor`. */
export const fullCheck: StoreCheckOptions = { writers: 64, keys: 200 };
/** Before serving; its caller remembers that it passed. */
export const quickCheck: StoreCheckOptions = { writers: 8, keys: 4 };

export type StoreCheckReport = {
  /** The store's URL, without credentials. */
  url: string;
  /** False if any finding's verdict is `fail`: the monitor must not write to this store. */
  passed: boolean;
  findings: StoreFinding[];
};

type Place = { store: ObjectStore; folder: string; options: StoreCheckOptions };
type Check = (place: Place) => Promise<Omit<StoreFinding, 'check'>[]>;

const UNSAFE = 'this store must not hold the journal: use Amazon S3, another server, or dir:PATH';

/** More than this between the two clocks of one store and the journal's 120 s of margin are at risk. */
const CLOCKS_APART_MS = 60_000;
/** How often the same bytes are sent again to a store that says "later" (409 to racing writers, as Amazon does). */
const SENDS = 30;

/** Never throws for what a store does: that is a finding. */
export async function checkStore(store: ObjectStore, options: StoreCheckOptions): Promise<StoreCheckReport> {
  const place = { store, folder: `doctor/${crypto.randomUUID()}/`, options };
  const findings: StoreFinding[] = [];
  const run = async (check: string, work: Check) => {
    try {
      for (const finding of await work(place)) findings.push({ check, ...finding });
    } catch (error) {
      findings.push({ check, verdict: 'fail', ...wordsOf(error) });
    }
  };
  await run('reachable', reachable);
  if (findings[0]?.verdict === 'pass') {
    await run('one creator', oneCreator);
    await run('a race has one winner', race);
    await run('read after write', readAfterWrite);
    await run('list after write', listAfterWrite);
    await run('gone after delete', goneAfterDelete);
    await run('clocks', clocks);
    if (store.inspect) findings.push(...(await store.inspect()));
    await run('cleaned up', cleanUp);
  }
  return { url: store.url, passed: findings.every((finding) => finding.verdict !== 'fail'), findings };
}

async function reachable({ store, folder }: Place): ReturnType<Check> {
  const answer = await store.get(`${folder}nothing`);
  if (answer.found) return [fail('an object was found under a name never used', UNSAFE)];
  await store.put(`${folder}reachable`, bytesOf('reachable'));
  return [pass('it answers, can be read and can be written')];
}

async function oneCreator({ store, folder }: Place): ReturnType<Check> {
  const key = `${folder}one-creator`;
  const first = await create(store, key, bytesOf('first'));
  const second = await create(store, key, bytesOf('second'));
  if (second.created) {
    return [fail('it said "created" for an object that was there already: it ignores If-None-Match', UNSAFE)];
  }
  const kept = await textAt(store, key);
  if (first.created && kept !== 'first') return [fail(`an object once created was changed to ${kept}`, UNSAFE)];
  return [pass('an object that is there is never created again')];
}

async function race({ store, folder, options }: Place): ReturnType<Check> {
  const { writers, keys } = options;
  for (let n = 0; n < keys; n++) {
    const key = `${folder}race/${String(n).padStart(6, '0')}`;
    const answers = await Promise.all(
      Array.from({ length: writers }, async (_, writer) => {
        const put = await create(store, key, bytesOf(`writer ${writer}`));
        return { writer: `writer ${writer}`, ...put, read: await textAt(store, key) };
      }),
    );
    const kept = await textAt(store, key);
    const winners = answers.filter((answer) => answer.created);
    const of = `of ${writers} writers racing for one key (round ${n + 1} of ${keys})`;
    if (winners.length > 1) return [fail(`${winners.length} ${of} were told that they created it`, UNSAFE)];
    if (winners.length === 0 && !answers.some((answer) => answer.resent)) {
      return [fail(`not one ${of} was told that it created it`, UNSAFE)];
    }
    if (winners[0] && winners[0].writer !== kept) {
      return [fail(`${winners[0].writer} ${of} won, and the object holds the bytes of ${kept ?? 'nobody'}`, UNSAFE)];
    }
    const astray = answers.filter((answer) => answer.read !== kept);
    if (astray.length > 0) {
      const reads = `read ${astray[0]!.read ?? 'nothing'} where the others read ${kept ?? 'nothing'}`;
      return [fail(`${astray.length} ${of}, having been answered, ${reads}`, UNSAFE)];
    }
  }
  return [pass(`${writers} writers raced for ${keys} keys: one winner each, its bytes read by all`)];
}

async function readAfterWrite({ store, folder, options }: Place): ReturnType<Check> {
  const key = `${folder}read`;
  for (let n = 0; n < options.keys; n++) {
    await store.put(key, bytesOf(`version ${n}`));
    const read = await textAt(store, key);
    if (read !== `version ${n}`)
      return [fail(`after "version ${n}" was written, ${read ?? 'nothing'} was read`, UNSAFE)];
  }
  return [pass('what was written is read at once')];
}

async function listAfterWrite({ store, folder, options }: Place): ReturnType<Check> {
  const prefix = `${folder}list/`;
  const keys: string[] = [];
  for (let n = 0; n < options.keys; n++) {
    // Ever new names before and after the old ones, and three that tell the order of bytes from other orders.
    const key = `${prefix}${['a-b', 'a/b', 'a0', 'B'][n] ?? `${(n * 7919) % 10_007}`}`;
    await create(store, key, bytesOf(key));
    keys.push(key);
    // Listing grows with the square of the keys; the last rounds see pages, the first ones lateness.
    if (n >= 20 && n !== options.keys - 1) continue;
    const listed = (await listAll(store, prefix)).map((object) => object.key);
    if (!listed.includes(key)) return [fail('an object just written was missing from the list', UNSAFE)];
    if (listed.join('\n') !== [...keys].sort().join('\n')) {
      return [fail('the list does not show exactly what there is, in the order of its bytes', UNSAFE)];
    }
  }
  const [first, ...rest] = [...keys].sort();
  const after = (await listAll(store, prefix, first)).map((object) => object.key);
  if (after.join('\n') !== rest.join('\n')) return [fail('a list "after" a key does not start after it', UNSAFE)];
  return [pass('what was written is listed at once, in order')];
}

async function goneAfterDelete({ store, folder, options }: Place): ReturnType<Check> {
  const prefix = `${folder}delete/`;
  for (let n = 0; n < Math.min(options.keys, 20); n++) {
    const key = `${prefix}${n}`;
    await create(store, key, bytesOf(key));
    await store.delete(key);
    if ((await store.get(key)).found) return [fail('an object just deleted could still be read', UNSAFE)];
    if ((await listAll(store, prefix)).length > 0) return [fail('an object just deleted was still listed', UNSAFE)];
  }
  return [pass('what was deleted is gone at once')];
}

async function clocks({ store, folder }: Place): ReturnType<Check> {
  const key = `${folder}clock`;
  const { server_ms } = await create(store, key, bytesOf('clock'));
  const read = await store.get(key);
  if (!read.found) return [fail('an object just written was not found', UNSAFE)];
  const apart_ms = Math.max(...[server_ms, read.server_ms].map((date) => Math.abs(date - read.last_modified_ms)));
  const says = `its Date and its Last-Modified are ${Math.round(apart_ms / 1000)} s apart`;
  if (apart_ms > CLOCKS_APART_MS) return [fail(says, "set the clocks of the store's machines (NTP)")];
  return [pass(says)];
}

async function cleanUp({ store, folder }: Place): ReturnType<Check> {
  try {
    for (const { key } of await listAll(store, folder)) await store.delete(key);
    return [];
  } catch (error) {
    const { says } = wordsOf(error);
    return [{ verdict: 'warn', says: `${folder} could not be removed: ${says}`, hint: 'remove it by hand' }];
  }
}

/** Sends the same bytes until the store says yes or no; `resent` if an answer before was lost or "later". */
async function create(
  store: ObjectStore,
  key: string,
  bytes: Uint8Array,
): Promise<PutIfAbsentResult & { resent: boolean }> {
  for (let sends = 1; ; sends++) {
    try {
      return { ...(await store.putIfAbsent(key, bytes)), resent: sends > 1 };
    } catch (error) {
      if (!(error instanceof StoreError) || error.kind === 'refused' || sends === SENDS) throw error;
    }
  }
}

async function textAt(store: ObjectStore, key: string): Promise<string | undefined> {
  const read = await store.get(key);
  return read.found ? new TextDecoder().decode(read.bytes) : undefined;
}

async function listAll(store: ObjectStore, prefix: string, after?: string): Promise<ListedObject[]> {
  return await Array.fromAsync(store.list(prefix, after === undefined ? {} : { after }));
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function pass(says: string): Omit<StoreFinding, 'check'> {
  return { verdict: 'pass', says };
}

function fail(says: string, hint: string): Omit<StoreFinding, 'check'> {
  return { verdict: 'fail', says, hint };
}

function wordsOf(error: unknown): { says: string; hint?: string } {
  const says = error instanceof Error ? error.message : String(error);
  const hint = error instanceof StoreError ? error.hint : undefined;
  return hint === undefined ? { says } : { says, hint };
}
