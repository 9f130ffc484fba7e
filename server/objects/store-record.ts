/**
 * What the store check found, kept in the store itself, so that a supervisor cannot restart the monitor
 * until a broken store passes by chance.
 *
 *     meta/store-check.json    the last check that passed: holds for the same endpoint, server, options and version of the check
 *     meta/store-unsafe.json   a promise was seen broken: holds for the same endpoint, server and options until doctor --recheck
 *
 * A bucket that breaks promises may lose these too; nothing depends on their being there.
 */
import { CHECK_VERSION, type StoreCheckReport } from './check-store.ts';
import { UNSAFE_KEY } from './guarded-store.ts';
import type { KnownStore } from './known-stores.ts';
import type { ObjectStore, StoreIdentity } from './store.ts';

export const CHECK_KEY = 'meta/store-check.json';

/** What a result applies to: null in a directory, which has no server. */
export type CheckedPlace = { endpoint: string | null; server: string | null; options: string };

type Passed = StoreCheckReport & CheckedPlace & { check_version: number };
type Unsafe = CheckedPlace & { says: string };

export function placeOf(identity: StoreIdentity | undefined, known: KnownStore | undefined): CheckedPlace {
  return {
    endpoint: identity?.endpoint ?? null,
    server: identity?.headers.server ?? known?.name ?? null,
    options: identity?.options ?? '',
  };
}

/** Whether a passed check of this place is still valid. */
export async function hasPassed(store: ObjectStore, place: CheckedPlace): Promise<boolean> {
  const record = await read<Passed>(store, CHECK_KEY);
  return record?.passed === true && record.check_version === CHECK_VERSION && isSame(record, place);
}

export async function rememberPass(store: ObjectStore, place: CheckedPlace, report: StoreCheckReport): Promise<void> {
  const record: Passed = { ...report, ...place, check_version: CHECK_VERSION };
  await write(store, CHECK_KEY, record);
}

/** What was recorded of this place, if it is remembered as unsafe. */
export async function unsafeSince(store: ObjectStore, place: CheckedPlace): Promise<string | null> {
  const record = await read<Unsafe>(store, UNSAFE_KEY);
  return record !== null && isSame(record, place) ? (record.says ?? 'a promise was broken') : null;
}

export async function rememberUnsafe(store: ObjectStore, place: CheckedPlace, says: string): Promise<void> {
  const record: Unsafe = { ...place, says };
  await write(store, UNSAFE_KEY, record);
}

export async function forgetUnsafe(store: ObjectStore): Promise<void> {
  await store.delete(UNSAFE_KEY);
}

function isSame(record: Partial<CheckedPlace>, place: CheckedPlace): boolean {
  return (
    record.endpoint === place.endpoint && record.server === place.server && (record.options ?? '') === place.options
  );
}

/** Also null if it is damaged: then the store is checked again. */
async function read<T>(store: ObjectStore, key: string): Promise<Partial<T> | null> {
  const there = await store.get(key);
  if (!there.found) return null;
  try {
    return JSON.parse(Buffer.from(there.bytes).toString()) as Partial<T>;
  } catch {
    return {};
  }
}

async function write(store: ObjectStore, key: string, record: object): Promise<void> {
  await store.put(key, Buffer.from(`${JSON.stringify(record)}\n`));
}
