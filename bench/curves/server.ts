/**
 * The monitor under measurement, as a process of its own: `server.ts STORE`. Sends its address, then, for each message, what it has
 * used since the last one.
 */
import { PerformanceObserver } from 'node:perf_hooks';
import { readSettings } from '../../server/config.ts';
import { startMonitor } from '../../server/main.ts';

export type Used = {
  /** Of all threads, in milliseconds. */
  cpu_ms: number;
  /** The most CPU that the main thread used between two turns of its event loop, without garbage collection, in milliseconds. */
  longest_turn_ms: number;
  rss_bytes: number;
};

const TURN_MS = 5;
const GC_DETAILS = new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) collected_ms += duration;
});
let collected_ms = 0;
GC_DETAILS.observe({ entryTypes: ['gc'] });

const threadMs = (): number => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
};
const processMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
};

let [longest_ms, last_ms, last_collected_ms, last_process_ms] = [0, threadMs(), 0, processMs()];
setInterval(() => {
  const now_ms = threadMs();
  // Collections are reported a turn later; one that is not yet makes a turn look longer, never shorter.
  const turn_ms = now_ms - last_ms - (collected_ms - last_collected_ms);
  longest_ms = Math.max(longest_ms, turn_ms);
  [last_ms, last_collected_ms] = [now_ms, collected_ms];
}, TURN_MS);

const [store = ''] = process.argv.slice(2);
const settings = { store, listen: '127.0.0.1:0', log_level: 'silent' };
const monitor = await startMonitor(readSettings(settings, {}));
process.on('message', () => {
  const now_ms = processMs();
  const used: Used = {
    cpu_ms: now_ms - last_process_ms,
    longest_turn_ms: longest_ms,
    rss_bytes: process.memoryUsage().rss,
  };
  [longest_ms, last_process_ms] = [0, now_ms];
  process.send!(used);
});
process.once('disconnect', () => process.exit(0));
process.send!(monitor.url);
