/** `tmon watch`: jobs as they go: those named, to their ends; without a name, whatever is active, until Ctrl-C. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Command } from 'commander';
import type { JobStateName } from '../protocol/job.ts';
import type { JobWithId, TranscriptionAPI } from '../sdk/typescript/index.ts';
import { EXIT } from './exit-code.ts';
import { type ClientOptions, clientCommand, clientOf } from './options.ts';
import { note } from './output.ts';
import { openProgressView, type ProgressView } from './progress-bars.ts';
import { watchJobs } from './watch-jobs.ts';

const POLL_MS = 1000;
const ACTIVE: readonly JobStateName[] = ['PROCESSING', 'CANCELLING', 'QUEUED'];
/** So many waiting jobs say enough; those at work are all shown. */
const QUEUED_SHOWN = 20;

export function watchCommand(): Command {
  return clientCommand('watch')
    .description(
      'Show progress: of the jobs named, until they end; without a name of all that is active, until Ctrl-C.',
    )
    .argument('[job...]')
    .action(watch);
}

async function watch(jobIds: string[], options: ClientOptions): Promise<void> {
  const api = clientOf(options);
  const view = openProgressView({ json: options.json === true });
  if (jobIds.length === 0) return watchActive(api, view);
  const ends = await watchJobs(api, [...new Set(jobIds)], view);
  if (ends.failed.length + ends.cancelled.length > 0) process.exitCode = EXIT.failed;
}

async function watchActive(api: TranscriptionAPI, view: ProgressView): Promise<never> {
  const shown = new Map<string, string>();
  let seen = false;
  for (;;) {
    try {
      const jobs = await activeJobs(api);
      // What was active a moment ago and is no longer has ended: show how.
      const active = new Set(jobs.map((job) => job.id));
      const ended = [...shown.keys()].filter((jobId) => !active.has(jobId));
      for (const jobId of ended) jobs.push(await api.jobs.get(jobId));
      for (const job of jobs) {
        const { percentage, stage } = job.progress;
        const now = JSON.stringify([job.state, percentage, stage]);
        if (shown.get(job.id) !== now) view.show({ state: job.state, percentage, stage, job });
        shown.set(job.id, now);
      }
      for (const jobId of ended) shown.delete(jobId);
      if (!seen && jobs.length === 0) note('no job is active; waiting for one (Ctrl-C ends this)');
      seen = true;
    } catch (error) {
      if (!seen) throw error;
    }
    await wait(POLL_MS);
  }
}

async function activeJobs(api: TranscriptionAPI): Promise<JobWithId[]> {
  const jobs: JobWithId[] = [];
  for (const state of ACTIVE) {
    let count = 0;
    for await (const job of api.jobs.list({ state, limit: state === 'QUEUED' ? QUEUED_SHOWN : 1000 })) {
      jobs.push(job);
      count += 1;
      if (state === 'QUEUED' && count === QUEUED_SHOWN) break;
    }
  }
  return jobs;
}
