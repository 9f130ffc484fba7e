/** `tmon cancel`: cancels jobs. */
import type { Command } from 'commander';
import { forEachJob } from './for-each-job.ts';
import { type ClientOptions, clientCommand, clientOf, jobIds } from './options.ts';

export function cancelCommand(): Command {
  return clientCommand('cancel')
    .description('Cancel jobs: at once if they wait, otherwise once their worker has stopped.')
    .argument('<job...>', 'ids, or the names that their system gave them', jobIds)
    .action((jobIds: string[], options: ClientOptions) => {
      const api = clientOf(options);
      return forEachJob(jobIds, options, (jobId) => api.jobs.cancel(jobId));
    });
}
