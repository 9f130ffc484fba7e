/** Applies one operation to several jobs: a refused one does not stop the others, and its exit code is the result. */
import { type JobWithId, NoAnswerError } from '../sdk/typescript/index.ts';
import { reportError } from './exit-code.ts';
import type { ClientOptions } from './options.ts';
import { printJson, printLine } from './output.ts';

export async function forEachJob(
  jobIds: readonly string[],
  { json = false }: ClientOptions,
  act: (jobId: string) => Promise<JobWithId>,
): Promise<void> {
  for (const jobId of jobIds) {
    try {
      const job = await act(jobId);
      if (json) printJson(job);
      else printLine(`${job.id}\t${job.state}`);
    } catch (error) {
      if (error instanceof NoAnswerError) throw error;
      process.exitCode = reportError(error, json);
    }
  }
}
