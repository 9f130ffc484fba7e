/** Watches jobs to their ends, side by side, and counts how they ended. */
import type { JobUpdate, TranscriptionAPI } from '../sdk/typescript/index.ts';
import { note } from './output.ts';
import type { ProgressView } from './progress-bars.ts';

export type Ends = { completed: string[]; failed: string[]; cancelled: string[] };

/** Resolves when each of them has ended. Rejects when one can't be watched: there is no such job, the monitor was never there. */
export async function watchJobs(
  api: TranscriptionAPI,
  jobIds: readonly string[],
  view: ProgressView | undefined,
  signal?: AbortSignal,
): Promise<Ends> {
  const ends: Ends = { completed: [], failed: [], cancelled: [] };
  let away = 0;
  const onAway = (error: Error | null) => {
    // Every watch finds out; one says so.
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
