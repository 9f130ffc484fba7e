/** Many histories of the queue, or of another part, on many threads, and their sums. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { QueueResult } from './history.ts';

export type QueueTotals = { histories: number; counts: Record<string, number>; failed: QueueResult | null };

/** Runs seeds `seed`, `seed + 1`, … until `histories` are done or one fails. */
export async function runQueueHistories(options: {
  histories: number;
  seed: number;
  workers: number;
  rule?: string | null | undefined;
  /** The module of a thread. Default: that of the queue. */
  thread?: URL;
  onHistory?: (totals: QueueTotals) => void;
}): Promise<QueueTotals> {
  const { histories, seed, workers, rule = null, onHistory } = options;
  const { thread: module = new URL('./worker.ts', import.meta.url) } = options;
  const totals: QueueTotals = { histories: 0, counts: {}, failed: null };
  const threads = Array.from({ length: Math.min(workers, histories) }, (_, n) => {
    const workerData = { rule, from: seed + n, to: seed + histories, step: workers };
    return new Worker(module, { workerData });
  });
  for (const thread of threads) {
    thread.on('message', (result: QueueResult) => {
      if (totals.failed) return;
      add(totals, result);
      onHistory?.(totals);
      if (totals.failed) for (const other of threads) void other.terminate();
    });
  }
  await Promise.all(threads.map((thread) => once(thread, 'exit')));
  return totals;
}

function add(totals: QueueTotals, result: QueueResult): void {
  totals.histories += 1;
  for (const [name, count] of Object.entries(result.counts)) totals.counts[name] = (totals.counts[name] ?? 0) + count;
  if (result.violation) totals.failed = result;
}
