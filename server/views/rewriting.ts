/**
 * Writes packs again without the jobs that were erased: their rows are marked in the fold at once, and are gone from the store
 * once the old pack has been replaced and swept. A pack of which no job is left is dropped.
 */
import type { Engine } from '../engine.ts';
import type { ObjectStore } from '../objects/store.ts';
import type { PackRecord } from '../state-machine/state/records.ts';
import type { State } from '../state-machine/state/state.ts';
import { damageOf, readPack } from './archive-objects.ts';
import { submitOwn } from './own-command.ts';
import { writePack } from './packing.ts';

/** Packs that still hold rows of erased jobs. */
export function* packsWithErased({ tables }: State): Generator<PackRecord> {
  if (tables.erasures.size === 0) return;
  for (const pack of tables.packs.values()) {
    if (pack.stale.some((job_id) => tables.erasures.get(job_id)?.stage === 'erased')) yield pack;
  }
}

/**
 * One pack. Returns the keys that it replaced; null: none is due. `damaged`: packs that cannot be read, which stay until their
 * owner has restored or deleted them.
 */
export async function rewriteErased(
  { store, engine }: { store: ObjectStore; engine: Engine },
  damaged: Set<string>,
): Promise<string[] | null> {
  for (const pack of packsWithErased(engine.state)) {
    if (damaged.has(pack.key)) continue;
    return rewrite({ store, engine }, pack, damaged);
  }
  return null;
}

async function rewrite(
  { store, engine }: { store: ObjectStore; engine: Engine },
  old: PackRecord,
  damaged: Set<string>,
): Promise<string[]> {
  const basis_seq = engine.state.scalars.archive_seq;
  const made_ms = engine.journal.now();
  if (new Set(old.stale).size >= old.count) {
    await submitOwn(engine, { type: 'drop_packs', packs: [old.key] });
    return engine.state.tables.packs.has(old.key) ? [] : [old.key];
  }
  try {
    const { pack, jobs } = await writePack(store, [...(await readPack(store, old)).jobs()]);
    const job_ids = jobs.map(({ job_id }) => job_id);
    await submitOwn(engine, { type: 'pack_archived', basis_seq, made_ms, pack, job_ids, replaces: [old.key] });
    if (engine.state.tables.packs.has(pack.key)) return [old.key];
    await store.delete(pack.key);
  } catch (error) {
    damaged.add(damageOf(error).key);
  }
  return [];
}
