/** For tests: a monitor in memory, and a reader of its store beside it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Settings } from '../config.ts';
import { MemoryStore } from '../objects/memory.ts';
import type { ObjectStore } from '../objects/store.ts';
import { TurnedClock } from '../testing-clock.ts';
import { TestMonitor } from '../views/testing-monitor.ts';
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

export function openReader(store: ObjectStore, clock: TurnedClock, cache: string): Promise<AnalyticsReader> {
  return AnalyticsReader.open({
    store,
    clock,
    random: { float: () => 0.5 },
    retention_ms: 86_400_000,
    cache,
    threads: 1,
    memory_mb: 256,
    warn: () => {},
  });
}
