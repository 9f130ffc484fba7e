/**
 * Loaded with `--import` into a process: the CPU time of its main thread between two ticks of 2 ms, less what of it was garbage
 * collection. Answers the messages `reset` and `report`.
 */
import { PerformanceObserver } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

/** Since the last reset. */
export type Turns = {
  /** The longest turn without its collections, and the longest collection, milliseconds. */
  longest_ms: number;
  collection_ms: number;
  /** Of all threads. */
  cpu_ms: number;
  rss_bytes: number;
};

type Turn = { from_ms: number; to_ms: number; cpu_ms: number };
type Collection = { from_ms: number; duration_ms: number };

const cpu = (): number => {
  const { user, system } = (process as unknown as { threadCpuUsage(): NodeJS.CpuUsage }).threadCpuUsage();
  return (user + system) / 1000;
};

if (isMainThread && process.send) {
  let turns: Turn[] = [];
  let collections: Collection[] = [];
  let last = { at_ms: performance.now(), cpu_ms: cpu() };
  let since = process.cpuUsage();
  new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries()) {
      collections.push({ from_ms: startTime, duration_ms: duration });
    }
  }).observe({ entryTypes: ['gc'] });
  setInterval(() => {
    const now = { at_ms: performance.now(), cpu_ms: cpu() };
    const cpu_ms = now.cpu_ms - last.cpu_ms;
    if (cpu_ms > 5) turns.push({ from_ms: last.at_ms, to_ms: now.at_ms, cpu_ms });
    last = now;
  }, 2).unref();
  const report = (): Turns => {
    const own = turns.map(({ from_ms, to_ms, cpu_ms }) => {
      const within = collections.filter((one) => one.from_ms >= from_ms && one.from_ms <= to_ms);
      return cpu_ms - within.reduce((sum, { duration_ms }) => sum + duration_ms, 0);
    });
    const { user, system } = process.cpuUsage(since);
    return {
      cpu_ms: (user + system) / 1000,
      rss_bytes: process.memoryUsage.rss(),
      longest_ms: Math.max(0, ...own),
      collection_ms: Math.max(0, ...collections.map(({ duration_ms }) => duration_ms)),
    };
  };
  process.on('message', (what) => {
    // Collections are told a turn later.
    setTimeout(() => {
      process.send!(report());
      if (what === 'reset') [turns, collections, since] = [[], [], process.cpuUsage()];
    }, 20);
  });
  process.channel?.unref();
}
