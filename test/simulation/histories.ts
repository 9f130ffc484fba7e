/** Many histories on many threads, and their sums. */
import { Worker } from 'node:worker_threads';
import type { HistoryResult } from './history.ts';

export type Totals = {
  histories: number;
  commits: number;
  events: number;
  results: number;
  acknowledged: number;
  snapshots: number;
  deleted_segments: number;
  recreated_segments: number;
  faults: Record<string, number>;
  /** The violation of the lowest seed that was run. */
  failed: HistoryResult | null;
};

const SUMMED = [
  'commits',
  'events',
  'results',
  'acknowledged',
  'snapshots',
  'deleted_segments',
  'recreated_segments',
] as const;

/** Runs seeds `seed`, `seed + 1`, … until `histories` are done or one fails. */
export async function runHistories(options: {
  histories: number;
  seed: number;
  workers: number;
  rule?: string | undefined;
  onHistory?: (totals: Totals) => void;
}): Promise<Totals> {
  const { histories, seed, rule = null, onHistory } = options;
  const totals: Totals = {
    histories: 0,
    commits: 0,
    events: 0,
    results: 0,
    acknowledged: 0,
    snapshots: 0,
    deleted_segments: 0,
    recreated_segments: 0,
    faults: {},
    failed: null,
  };
  let next = seed;
  const end = seed + histories;
  const runOn = async (worker: Worker) => {
    while (next < end && !totals.failed) {
      const result = await historyOn(worker, next++);
      add(totals, result);
      onHistory?.(totals);
    }
  };
  const workers = Array.from({ length: Math.min(options.workers, histories) }, () => {
    return new Worker(new URL('./worker.ts', import.meta.url), { workerData: { rule } });
  });
  try {
    await Promise.all(workers.map(runOn));
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
  return totals;
}

function historyOn(worker: Worker, seed: number): Promise<HistoryResult> {
  return new Promise((resolve, reject) => {
    const done = () => {
      worker.off('message', onResult);
      worker.off('error', failed);
    };
    const onResult = (result: HistoryResult) => {
      done();
      resolve(result);
    };
    const failed = (error: Error) => {
      done();
      reject(new Error(`history ${seed} broke off`, { cause: error }));
    };
    worker.on('message', onResult);
    worker.on('error', failed);
    worker.postMessage(seed);
  });
}

function add(totals: Totals, result: HistoryResult): void {
  totals.histories += 1;
  for (const name of SUMMED) totals[name] += result[name];
  for (const [fault, count] of Object.entries(result.faults)) {
    totals.faults[fault] = (totals.faults[fault] ?? 0) + count;
  }
  if (result.violation && (!totals.failed || result.seed < totals.failed.seed)) totals.failed = result;
}
