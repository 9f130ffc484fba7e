/**
 * Deletes column files that the journal does not name: those of an instance that ended before it could. One that is a day old
 * by the store's clock and by log time can't be named any more: a command that names a file is not taken an hour after it
 * was made.
 */
import { DAY_MS } from '../../../protocol/time.ts';
import type { Engine } from '../../engine.ts';
import type { ObjectStore } from '../../objects/store.ts';
import { CHECKPOINT_KEY } from '../../views/keys.ts';
import { TABLES, type TableName } from '../tables.ts';
import { parseColumnKey, tablePrefix } from './keys.ts';

/** Returns how many it deleted. Throws StoreError. */
export async function sweepColumns(store: ObjectStore, engine: Pick<Engine, 'state'>): Promise<number> {
  const { server_ms } = await store.get(CHECKPOINT_KEY);
  const until_ms = Math.min(server_ms, engine.state.at_ms) - DAY_MS;
  let deleted = 0;
  for (const table of Object.keys(TABLES) as TableName[]) {
    for await (const { key, last_modified_ms } of store.list(tablePrefix(table))) {
      const file = parseColumnKey(key);
      if (!file || last_modified_ms >= until_ms || engine.state.tables.column_files.has(file.name)) continue;
      await store.delete(key);
      deleted += 1;
    }
  }
  return deleted;
}
