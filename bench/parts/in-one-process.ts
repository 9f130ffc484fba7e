/**
 * Measurements from inside the process: `node --expose-gc in-one-process.ts DIRECTORY`.
 *
 * Heap: the whole monitor on the filled store minus the whole monitor on an empty one. Stall: the longest time for
 * which the event loop was blocked while a snapshot of all those jobs was written.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { argv } from 'node:process';
import { readSettings } from '../../server/config.ts';
import { startMonitor } from '../../server/main.ts';
import { openEngine } from './fill-store.ts';

export type FromInside = {
  jobs: number;
  commands: number;
  /** Of the whole monitor, after a collection. */
  heap_empty_bytes: number;
  heap_filled_bytes: number;
  heap_bytes_per_job: number;
  snapshot_ms: number;
  stall_p99_ms: number;
  stall_max_ms: number;
  /** The same for as long without a snapshot. */
  idle_stall_max_ms: number;
};

async function heapOfMonitor(store: string): Promise<number> {
  const monitor = await startMonitor(readSettings({ store, listen: '127.0.0.1:0', log_level: 'silent' }, {}));
  globalThis.gc!();
  const { heapUsed } = process.memoryUsage();
  await monitor.stop();
  return heapUsed;
}

async function loopDelays(
  during: () => Promise<unknown>,
): Promise<{ took_ms: number; p99_ms: number; max_ms: number }> {
  globalThis.gc!();
  const delays = monitorEventLoopDelay({ resolution: 1 });
  await new Promise((resolve) => setTimeout(resolve, 100));
  const began_ms = performance.now();
  delays.enable();
  await during();
  delays.disable();
  // The histogram counts from one timer to the next; a millisecond of that is the timer's own.
  const ms = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - 1);
  return { took_ms: performance.now() - began_ms, p99_ms: ms(delays.percentile(99)), max_ms: ms(delays.max) };
}

async function look(filled: string): Promise<FromInside> {
  const empty = mkdtempSync(join(dirname(filled) || tmpdir(), 'tmon-bench-empty-'));
  try {
    // Twice: the first start loads what all share.
    await heapOfMonitor(`dir:${empty}`);
    const heap_empty_bytes = await heapOfMonitor(`dir:${empty}`);
    const heap_filled_bytes = await heapOfMonitor(`dir:${filled}`);
    const { engine, close } = await openEngine(`dir:${filled}`);
    const { jobs_by_state, commands } = engine.state.tables;
    const jobs = jobs_by_state.QUEUED.size + jobs_by_state.PROCESSING.size;
    const busy = await loopDelays(() => engine.journal.snapshot());
    const idle = await loopDelays(() => new Promise((resolve) => setTimeout(resolve, busy.took_ms)));
    await close();
    return {
      jobs,
      commands: commands.size,
      heap_empty_bytes,
      heap_filled_bytes,
      heap_bytes_per_job: (heap_filled_bytes - heap_empty_bytes) / jobs,
      snapshot_ms: busy.took_ms,
      stall_p99_ms: busy.p99_ms,
      stall_max_ms: busy.max_ms,
      idle_stall_max_ms: idle.max_ms,
    };
  } finally {
    rmSync(empty, { recursive: true, force: true });
  }
}

if (import.meta.main) process.send!(await look(argv[2]!));
