/** The folder of column files: fetched once, whole, and no longer kept than they are named. */
import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { readdir, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '../../test/processes/tmon.ts';
import { systemClock } from '../clock.ts';
import { MemoryStore } from '../objects/memory.ts';
import type { ColumnFile } from '../state-machine/state/records.ts';
import { WatchedStore } from '../views/testing-monitor.ts';
import { ColumnCache } from './column-cache.ts';
import { columnKey } from './columns/keys.ts';

async function written(store: MemoryStore, name: string): Promise<ColumnFile> {
  const bytesOf = (table: string) => Buffer.from(`${table} of ${name}`);
  const hashOf = (table: string) => hash('sha256', bytesOf(table), 'hex');
  const sha256 = { job_states: hashOf('job_states'), job_attempts: hashOf('job_attempts') };
  const file = { name, day: 20_276, rows: 1, sha256 };
  for (const table of ['job_states', 'job_attempts'] as const) {
    await store.putIfAbsent(columnKey(table, file), bytesOf(table));
  }
  return file;
}

test('a file is fetched once, by whichever reader, and counted while it is fetched', async (t) => {
  const memory = new MemoryStore(systemClock);
  const store = new WatchedStore(memory);
  const folder = join(temporaryDirectory(t), 'columns');
  const files = [await written(memory, '01A'), await written(memory, '01B')];
  const counts: string[] = [];
  const first = await new ColumnCache(folder, store).paths(files, (done, of) => counts.push(`${done}/${of}`));
  assert.deepEqual([first.job_states.length, counts], [2, ['1/4', '2/4', '3/4', '4/4']]);
  const fetched = store.calls.length;
  assert.deepEqual(await new ColumnCache(folder, store).paths(files), first);
  assert.equal(store.calls.length, fetched);
});

test('what is missing or changed in the store is named, and leaves nothing in the folder', async (t) => {
  const store = new MemoryStore(systemClock);
  const folder = join(temporaryDirectory(t), 'columns');
  const cache = new ColumnCache(folder, store);
  const file = await written(store, '01A');
  const key = columnKey('job_states', file);
  await store.put(key, Buffer.from('rows of 01X'));
  await assert.rejects(cache.paths([file]), { code: 'columns_damaged', message: `${key} is damaged` });
  await store.delete(key);
  await assert.rejects(cache.paths([file]), { code: 'columns_damaged', message: `${key} is missing` });
  assert.ok((await readdir(folder)).every((name) => name.startsWith(file.sha256.job_attempts)));
});

test('a file that is named no more is deleted after an hour, and no other', async (t) => {
  const store = new MemoryStore(systemClock);
  const folder = join(temporaryDirectory(t), 'columns');
  const cache = new ColumnCache(folder, store);
  const files = [await written(store, '01A'), await written(store, '01B'), await written(store, '01C')];
  const { job_states, job_attempts } = await cache.paths(files);
  const now_ms = systemClock.now();
  const old = new Date(now_ms - 3_700_000);
  for (const path of [job_states[0]!, job_states[1]!]) await utimes(path, old, old);
  await cache.keepOnly([files[0]!], now_ms);
  const left = (await readdir(folder)).map((name) => join(folder, name)).sort();
  assert.deepEqual(left, [job_states[0]!, job_states[2]!, ...job_attempts].sort());
  await new ColumnCache(join(folder, 'none'), store).keepOnly([], now_ms);
});
