/**
 * Moves the ids of packs from the fold into the index: the shards that cover them. The new shards are in the store
 * before one event replaces the old ones; until then the old ones, and the fold, lead to every job.
 *
 * A missing or damaged shard is rebuilt from the packs.
 */
import type { Engine } from '../engine.ts';
import { newUlid } from '../ids.ts';
import type { ObjectStore } from '../objects/store.ts';
import type { ShardRecord } from '../state-machine/state/records.ts';
import type { State } from '../state-machine/state/state.ts';
import { ArchiveDamage, damageIn, readPack, readShard } from './archive-objects.ts';
import { submitOwn } from './own-command.ts';
import { writeOnce } from './packing.ts';
import { encodeShard, type ShardRows, shardOf } from './shard.ts';

/** The number of ids in the fold at which they are indexed, and the maximum number of rows of a shard: 400 kB. */
export const INDEX_SIZES = { index_at: 10_000, shard_max: 8_000 };
export type IndexSizes = typeof INDEX_SIZES;

/** Packs with fewer jobs are likely to be merged soon, and would have to be indexed again. */
const SMALL = 250;
/** The first shard covers every id before the second's. */
const FIRST = '';

type Options = { store: ObjectStore; engine: Engine; sizes: IndexSizes };

type Indexed = {
  /** Replaced shards. */
  replaced: string[];
};

/** Once the fold holds this many ids; null if it holds fewer, and no shard is damaged. */
export async function indexPacks(options: Options): Promise<Indexed | null> {
  const { index_at } = options.sizes;
  const { state } = options.engine;
  const { packed_recently, unindexed, packs, archive_shards } = state.tables;
  const damage = damageIn(options.store);
  const damaged = [...archive_shards.values()].filter(({ key }) => damage.has(key));
  if (packed_recently.size < index_at && damaged.length === 0) return null;
  const large = [...unindexed.keys()].filter((key) => packs.get(key)!.count >= SMALL);
  const largeRows = large.reduce((sum, key) => sum + packs.get(key)!.count, 0);
  const chosen =
    packed_recently.size < index_at ? [] : largeRows * 2 > packed_recently.size ? large : [...unindexed.keys()];
  const news = new Map<string, Map<string, string>>(damaged.map(({ first }) => [first, new Map()]));
  for (const key of chosen) {
    for (const job_id of unindexed.get(key)!) {
      if (packed_recently.get(job_id) !== key) continue;
      const first = shardOf(state, job_id)?.first ?? FIRST;
      const rows = news.get(first);
      if (rows) rows.set(job_id, key);
      else news.set(first, new Map([[job_id, key]]));
    }
  }
  return write(options, chosen, news);
}

async function write(
  { store, engine, sizes }: Options,
  packs: string[],
  news: Map<string, Map<string, string>>,
): Promise<Indexed> {
  const { state } = engine;
  const basis_seq = state.scalars.archive_seq;
  const made_ms = engine.journal.now();
  const shards: ShardRecord[] = [];
  const replaced: string[] = [];
  for (const [first, rows] of news) {
    const last = state.tables.archive_shards.get(first);
    if (last) replaced.push(last.key);
    const known = last ? await rowsOf(store, state, last) : [];
    const merged = new Map([...known].filter(([, key]) => state.tables.packs.has(key)));
    for (const [job_id, key] of rows) merged.set(job_id, key);
    for (const [index, piece] of pieces(
      [...merged].sort(([a], [b]) => (a < b ? -1 : 1)),
      sizes.shard_max,
    ).entries()) {
      const { shard, bytes } = encodeShard(index === 0 ? first : piece[0]![0], new Map(piece), newUlid());
      await writeOnce(store, shard.key, bytes);
      shards.push(shard);
    }
  }
  await submitOwn(engine, { type: 'index_archive', basis_seq, made_ms, packs, shards });
  const named = new Set([...engine.state.tables.archive_shards.values()].map(({ key }) => key));
  if (shards.every(({ key }) => named.has(key))) return { replaced };
  for (const { key } of shards) await store.delete(key);
  return { replaced: [] };
}

async function rowsOf(store: ObjectStore, state: State, shard: ShardRecord): Promise<ShardRows> {
  try {
    return await readShard(store, shard);
  } catch (error) {
    if (!(error instanceof ArchiveDamage)) throw error;
    return rowsFromPacks(store, state, shard);
  }
}

/**
 * From every pack that the index covers. Throws if one of those is unreadable: its jobs would be lost from the index.
 */
async function rowsFromPacks(store: ObjectStore, state: State, { first }: ShardRecord): Promise<ShardRows> {
  const rows = new Map<string, string>();
  const [, next] = [...state.tables.archive_shards.keys(first)].slice(0, 2);
  for (const pack of state.tables.packs.values()) {
    if (state.tables.unindexed.has(pack.key)) continue;
    for (const { job_id } of (await readPack(store, pack)).jobs()) {
      if (job_id >= first && (next === undefined || job_id < next)) rows.set(job_id, pack.key);
    }
  }
  return rows;
}

function pieces<T>(rows: T[], rows_max: number): T[][] {
  const count = Math.max(1, Math.ceil(rows.length / rows_max));
  const size = Math.ceil(rows.length / count);
  return Array.from({ length: count }, (_, index) => rows.slice(index * size, (index + 1) * size));
}
