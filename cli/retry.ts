/** `tmon retry`: returns failed or cancelled jobs to the queue. */
import type { Command } from 'commander';
import { forEachJob } from './for-each-job.ts';
import { type ClientOptions, clientCommand, clientOf, jobIds } from './options.ts';

export function retryCommand(): Command {
  return clientCommand('retry')
    .description('Return failed or cancelled jobs to the queue.')
    .argument('<job...>', 'ids, or the names that their system gave them', jobIds)
    .action((jobIds: string[], options: ClientOptions) => {
      const api = clientOf(options);
      return forEachJob(jobIds, options, (jobId) => api.jobs.retry(jobId));
    });
}
