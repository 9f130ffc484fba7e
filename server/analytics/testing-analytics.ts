/** For tests: a monitor in memory, and a reader of its store beside it. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { MINUTE_MS } from '../../protocol/time.ts';
import type { Settings } from '../config.ts';
import { MemoryStore } from '../objects/memory.ts';
import type { ObjectStore } from '../objects/store.ts';
import { TurnedClock } from '../testing-clock.ts';
import { keysIn, TestMonitor } from '../views/testing-monitor.ts';
import { makeColumns } from './columns/making.ts';
import { writeColumns } from './columns/writing.ts';
import { AnalyticsReader } from './reader.ts';

export type Analytics = Awaited<ReturnType<typeof openAnalytics>>;

export async function openAnalytics(settings: Partial<Settings> = {}) {
  const clock = new TurnedClock('2025-07-07T19:30:00Z');
  const store = new MemoryStore(clock);
  const monitor = await TestMonitor.open({ store, clock, settings });
  const cache = await mkdtemp(join(tmpdir(), 'tmon-columns-'));
  const reader = await openReader(store, clock, cache);
  return {
    clock,
    store,
    monitor,
    reader,
    /** Everything that is due. Returns the number of steps. */
    async write(): Promise<number> {
      let steps = 0;
      const make = (now_ms: number) => makeColumns(reader, now_ms);
      while ((await writeColumns({ engine: monitor.engine, store, make })) > 0) steps += 1;
      return steps;
    },
    async archive(): Promise<void> {
      while ((await monitor.archive.runOnce()) > 0);
    },
    /** Rows as objects, of the tables as they are now. */
    async rows(sql: string): Promise<Record<string, unknown>[]> {
      await reader.refresh();
      const connection = await reader.database.connect();
      try {
        return (await connection.runAndReadAll(sql)).getRowObjectsJson();
      } finally {
        connection.closeSync();
      }
    },
    async close(): Promise<void> {
      await reader.close();
      await monitor.stop();
      await rm(cache, { recursive: true, force: true });
    },
  };
}

/** On a worker with a price; each takes ten minutes and costs 6 cents. */
export async function finishJobs(
  { monitor, clock }: Pick<Analytics, 'monitor' | 'clock'>,
  count: number,
): Promise<void> {
  await monitor.do({
    type: 'register_worker',
    worker_id: 'worker-1',
    registration: { capabilities: {}, location: { instance_type: 'g4dn.xlarge', spot_price: 0.36 } },
  });
  const ids = Array.from({ length: count }, (_, n) => `job-${clock.now() / MINUTE_MS}-${n}`);
  await monitor.submit(...ids);
  for (const id of ids) {
    await monitor.claim('worker-1', 1);
    await clock.turn(10 * MINUTE_MS);
    await monitor.complete(id);
  }
}

/** Copies a store in memory to a directory. */
export async function copyObjects(store: ObjectStore, folder: string, prefix = ''): Promise<void> {
  for (const key of await keysIn(store, prefix)) {
    const object = await store.get(key);
    if (!object.found) continue;
    await mkdir(dirname(join(folder, key)), { recursive: true });
    await writeFile(join(folder, key), object.bytes);
  }
}

export function openReader(store: ObjectStore, clock: TurnedClock, cache: string): Promise<AnalyticsReader> {
  return AnalyticsReader.open({
    store,
    clock,
    random: { float: () => 0.5 },
    retention_ms: 86_400_000,
    cache,
    working: join(cache, 'working'),
    threads: 1,
    memory_mb: 256,
    warn: () => {},
  });
}
