/**
 * Puts made column files into the store and has the journal name them. Files that the journal did not take, because another
 * instance was faster, are deleted at once; those of a crash a day later, as packs are.
 */
import { readFile, rm } from 'node:fs/promises';
import { eachAtOnce } from '../../at-once.ts';
import type { Engine } from '../../engine.ts';
import type { ObjectStore } from '../../objects/store.ts';
import type { ColumnFile } from '../../state-machine/state/records.ts';
import { submitOwn } from '../../views/own-command.ts';
import { writeOnce } from '../../views/packing.ts';
import { TABLES, type TableName } from '../tables.ts';
import { columnKey } from './keys.ts';
import type { MadeColumns, MadeFile } from './making.ts';

export type WritingOptions = {
  engine: Engine;
  store: ObjectStore;
  /** Makes the next files; null: nothing is due. */
  make: (now_ms: number) => Promise<MadeColumns | null>;
};

const PUTS_AT_ONCE = 4;
const NAMES = Object.keys(TABLES) as TableName[];

/** One step. Returns how many files were named or replaced; 0: nothing is due. Throws StoreError, JournalError, MonitorError. */
export async function writeColumns({ engine, store, make }: WritingOptions): Promise<number> {
  const made_ms = engine.journal.now();
  const columns = await make(made_ms);
  if (!columns) return 0;
  const { made, ...command } = columns;
  const files = made.map(({ file }) => file);
  const replaced = command.replaces.flatMap((name) => engine.state.tables.column_files.get(name) ?? []);
  try {
    await eachAtOnce(made, PUTS_AT_ONCE, (one) => put(store, one));
    await submitOwn(engine, { type: 'write_columns', ...command, made_ms, files });
  } finally {
    for (const { paths } of made) for (const path of Object.values(paths)) await rm(path, { force: true });
  }
  const { column_files } = engine.state.tables;
  await remove(
    store,
    [...files, ...replaced].filter(({ name }) => !column_files.has(name)),
  );
  return files.length + command.replaces.length;
}

async function put(store: ObjectStore, { file, paths }: MadeFile): Promise<void> {
  for (const name of NAMES) await writeOnce(store, columnKey(name, file), await readFile(paths[name]));
}

async function remove(store: ObjectStore, files: readonly ColumnFile[]): Promise<void> {
  for (const file of files) for (const name of NAMES) await store.delete(columnKey(name, file));
}
