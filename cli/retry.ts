/** `tmon retry`: failed or cancelled jobs once more. */
import type { Command } from 'commander';
import { forEachJob } from './for-each-job.ts';
import { type ClientOptions, clientCommand, clientOf } from './options.ts';

export function retryCommand(): Command {
  return clientCommand('retry')
    .description('Put failed or cancelled jobs back into the queue.')
    .argument('<job...>')
    .action((jobIds: string[], options: ClientOptions) => {
      const api = clientOf(options);
      return forEachJob(jobIds, options, (jobId) => api.jobs.retry(jobId));
    });
}
