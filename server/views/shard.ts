/**
 * A shard of the archive's index: the pack of each job, for the ids between its first and the next shard's. One
 * immutable JSON object: `{"format":1,"packs":[key, …],"jobs":[[job_id, number of its pack], …]}`, sorted by id.
 *
 * By ranges of ids, not by their hash: generated ids grow with time, so new ones go into the last shard.
 */
import type { ShardRecord } from '../state-machine/state/records.ts';
import type { State } from '../state-machine/state/state.ts';
import { shardKey } from './keys.ts';
import { hashOf } from './pack.ts';

/** Job id → key of its pack, sorted by id. */
export type ShardRows = ReadonlyMap<string, string>;

type Shard = { format: 1; packs: string[]; jobs: [job_id: string, pack: number][] };

/** The shard whose range includes this id. */
export function shardOf({ tables }: State, job_id: string): ShardRecord | undefined {
  for (const [, shard] of tables.archive_shards.entriesReversed(job_id)) return shard;
  return undefined;
}

export function encodeShard(first: string, rows: ShardRows, name: string): { shard: ShardRecord; bytes: Buffer } {
  const numbers = new Map<string, number>();
  const jobs: Shard['jobs'] = [];
  for (const [job_id, key] of rows) {
    const number = numbers.get(key) ?? numbers.size;
    numbers.set(key, number);
    jobs.push([job_id, number]);
  }
  const content: Shard = { format: 1, packs: [...numbers.keys()], jobs };
  const bytes = Buffer.from(`${JSON.stringify(content)}\n`);
  return { shard: { first, key: shardKey(name), sha256: hashOf(bytes), count: jobs.length }, bytes };
}

/** null: its bytes have changed. */
export function openShard(bytes: Uint8Array, { sha256 }: ShardRecord): ShardRows | null {
  if (hashOf(bytes) !== sha256) return null;
  const { packs, jobs } = JSON.parse(Buffer.from(bytes).toString()) as Shard;
  return new Map(jobs.map(([job_id, number]) => [job_id, packs[number]!]));
}
