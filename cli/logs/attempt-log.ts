/** `tmon logs JOB`: the end of what the engine printed during an attempt, and with -f what it prints. */
import { NotFoundError } from '../../sdk/typescript/index.ts';
import { type ClientOptions, clientOf } from '../options.ts';
import { printJson } from '../output.ts';

export type AttemptLogOptions = ClientOptions & { attempt?: number; follow?: true };

export async function showAttemptLog(jobId: string, options: AttemptLogOptions): Promise<void> {
  const { jobs } = clientOf(options);
  const attempt = options.attempt ?? (await lastWithLog(jobs, jobId));
  const show = (text: string) => {
    if (options.json) printJson({ job_id: jobId, attempt, text });
    else process.stdout.write(text);
  };
  if (!options.follow) return show((await jobs.attemptLog(jobId, attempt)).text);
  for await (const text of jobs.followAttemptLog(jobId, attempt)) show(text);
}

/** The current attempt; of a job that waits for its next one, the one before. */
async function lastWithLog(jobs: ReturnType<typeof clientOf>['jobs'], jobId: string): Promise<number> {
  const { retry_info, state } = await jobs.get(jobId);
  const { attempt } = retry_info;
  if (state !== 'QUEUED' || attempt === 1) return attempt;
  return jobs.attemptLog(jobId, attempt).then(
    ({ text }) => (text === '' ? attempt - 1 : attempt),
    (error: unknown) => {
      if (error instanceof NotFoundError) return attempt - 1;
      throw error;
    },
  );
}
