/**
 * Reads packs and shards, the objects that the journal names, and checks each against its hash. They never change, so
 * recently read ones are cached, and concurrent reads of one are shared.
 */
import { LRUCache } from 'lru-cache';
import { MonitorError } from '../../protocol/errors.ts';
import type { ObjectStore } from '../objects/store.ts';
import type { PackRecord, ShardRecord } from '../state-machine/state/records.ts';
import { openPack, type PackRows } from './pack.ts';
import { openShard, type ShardRows } from './shard.ts';

/** Of packs and shards together; a row of a shard takes about twice its text. */
const CACHED_BYTES_MAX = 64 * 1024 * 1024;

/** Throws MonitorError('corrupt') if the pack is missing or damaged, StoreError. */
export async function readPack(store: ObjectStore, pack: PackRecord): Promise<PackRows> {
  // Which rows are stale may change, but the object does not.
  const name = `${pack.sha256}|${pack.stale.length}`;
  return (await read(store, name, pack, (bytes) => openPack(bytes, pack))) as PackRows;
}

/** Throws as readPack does. */
export async function readShard(store: ObjectStore, shard: ShardRecord): Promise<ShardRows> {
  return (await read(store, shard.sha256, shard, (bytes) => openShard(bytes, shard))) as ShardRows;
}

/** Damaged or missing objects of a store so far, and when each was found: for the log. */
export function damageIn(store: ObjectStore): ReadonlyMap<string, string> {
  return archiveIn(store).damage;
}

/** An object of the archive that is missing or damaged. */
export type Unreadable = { key: string; problem: string };

/** The missing or damaged object; throws any other error. */
export function damageOf(error: unknown): Unreadable {
  if (!(error instanceof ArchiveDamage)) throw error;
  return { key: error.key, problem: error.problem };
}

/** An object of the archive is missing, or its bytes have changed. */
export class ArchiveDamage extends MonitorError {
  readonly key: string;
  readonly problem: string;

  constructor(key: string, problem: string, hint = 'Restore it from a copy of the store.') {
    super('corrupt', 'archive_damaged', `${key} ${problem}`, { hint });
    this.key = key;
    this.problem = problem;
  }
}

export const IS_DAMAGED = 'is damaged: its bytes have changed';
export const IS_MISSING = 'is missing';

type Loading = { key: string; open: (bytes: Uint8Array) => object | null };

type Archived = { cache: LRUCache<string, object, Loading>; damage: Map<string, string> };

const archives = new WeakMap<ObjectStore, Archived>();

function archiveIn(store: ObjectStore): Archived {
  let archive = archives.get(store);
  if (!archive) {
    archive = open(store);
    archives.set(store, archive);
  }
  return archive;
}

function open(store: ObjectStore): Archived {
  const damage = new Map<string, string>();
  const sizes = new WeakMap<object, number>();
  const cache = new LRUCache<string, object, Loading>({
    maxSize: CACHED_BYTES_MAX,
    ignoreFetchAbort: true,
    sizeCalculation: (rows) => sizes.get(rows) ?? 1,
    async fetchMethod(_name, _old, { context: { key, open } }) {
      const got = await store.get(key);
      const rows = got.found ? open(got.bytes) : null;
      if (!got.found || !rows) {
        const damaged = new ArchiveDamage(key, got.found ? IS_DAMAGED : IS_MISSING);
        damage.set(key, damaged.problem);
        throw damaged;
      }
      damage.delete(key);
      sizes.set(rows, Math.max(1, got.bytes.length));
      return rows;
    },
  });
  return { cache, damage };
}

async function read(
  store: ObjectStore,
  name: string,
  { key }: { key: string },
  open: Loading['open'],
): Promise<object> {
  return archiveIn(store).cache.forceFetch(name, { context: { key, open } });
}
