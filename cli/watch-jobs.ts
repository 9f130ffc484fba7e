/** Watches jobs concurrently until they end, and counts the results. */
import type { JobUpdate, TranscriptionAPI } from '../sdk/typescript/index.ts';
import { note } from './output.ts';
import type { ProgressView } from './progress-bars.ts';

export type Ends = { completed: string[]; failed: string[]; cancelled: string[] };

/** Resolves when each has ended. Rejects if one can't be watched: no such job, or the monitor was never reached. */
export async function watchJobs(
  api: TranscriptionAPI,
  jobIds: readonly string[],
  view: ProgressView | undefined,
  signal?: AbortSignal,
): Promise<Ends> {
  const ends: Ends = { completed: [], failed: [], cancelled: [] };
  let away = 0;
  const onAway = (error: Error | null) => {
    // Every watch notices; one reports it.
    away += error === null ? -1 : 1;
    if (error !== null && away === 1) note(`the monitor is away, waiting (${error.message})`);
    if (error === null && away === 0) note('the monitor is back');
  };
  const watchOne = async (jobId: string) => {
    let last: JobUpdate | undefined;
    for await (const update of api.jobs.watch(jobId, { signal, onAway })) {
      view?.show(update);
      last = update;
    }
    if (last !== undefined) ends[last.state.toLowerCase() as keyof Ends].push(jobId);
  };
  const results = await Promise.allSettled(jobIds.map(watchOne));
  view?.end();
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  return ends;
}
