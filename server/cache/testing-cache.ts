/** A monitor without its API, with a cache in a real Redis, on a clock that a test advances. */
import type { Settings } from '../config.ts';
import { MemoryStore } from '../objects/memory.ts';
import type { ObjectStore } from '../objects/store.ts';
import { TurnedClock } from '../testing-clock.ts';
import { TestMonitor } from '../views/testing-monitor.ts';
import { JobCache } from './job-cache.ts';

type Cleaning = { after(run: () => void | Promise<void>): void };

export type CachedMonitor = TestMonitor & { cache: JobCache; cacheLog: string[]; clock: TurnedClock };

export type CachedMonitorOptions = {
  clock?: TurnedClock;
  store?: ObjectStore;
  shared?: boolean;
  settings?: Partial<Settings>;
};

/** Its cache has connected, or failed to. Closed with the test. */
export async function openCached(
  t: Cleaning,
  url: string,
  {
    clock = new TurnedClock('2025-07-07T19:30:00Z'),
    store = new MemoryStore(clock),
    shared = false,
    settings = {},
  }: CachedMonitorOptions = {},
): Promise<CachedMonitor> {
  const monitor = await TestMonitor.open({ store, clock, shared, settings });
  const cacheLog: string[] = [];
  const log = (level: string, message: string) => void cacheLog.push(`${level}: ${message}`);
  const cache = new JobCache({ url, engine: monitor.engine, clock, log });
  cache.start();
  t.after(async () => {
    cache.abandon();
    monitor.crash();
  });
  await cache.flush();
  return Object.assign(monitor, { cache, cacheLog, clock });
}

/** Advances by this long, second by second; in each the cache completes what is due. */
export async function turnSeconds(monitor: CachedMonitor, seconds: number): Promise<void> {
  for (let n = 0; n < seconds; n += 1) {
    await monitor.clock.turn(1_000);
    await monitor.cache.flush();
  }
}
