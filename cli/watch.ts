/** `tmon watch`: progress of the named jobs until they end; without a name, of all active jobs until Ctrl-C. */
import type { Command } from 'commander';
import type { JobChanged, JobNow, JobReported, JobsNow } from '../protocol/feed-messages.ts';
import { isProgress, type JobWithId, jobAsOf, type TranscriptionAPI } from '../sdk/typescript/index.ts';
import { EXIT } from './exit-code.ts';
import { type ClientOptions, clientCommand, clientOf, jobIds } from './options.ts';
import { note } from './output.ts';
import { openProgressView, type ProgressView } from './progress-bars.ts';
import { watchJobs } from './watch-jobs.ts';

/** Maximum number of waiting jobs shown; running ones are all shown. */
const QUEUED_SHOWN = 20;

export function watchCommand(): Command {
  return clientCommand('watch')
    .description('Show progress of the named jobs until they end; without a name, of all active jobs until Ctrl-C.')
    .argument('[job...]', 'ids, or the names that their system gave them', jobIds)
    .action(watch);
}

async function watch(jobIds: string[], options: ClientOptions): Promise<void> {
  const api = clientOf(options);
  const view = openProgressView({ json: options.json === true });
  if (jobIds.length === 0) return watchActive(api, view);
  const ends = await watchJobs(api, [...new Set(jobIds)], view);
  if (ends.failed.length + ends.cancelled.length > 0) process.exitCode = EXIT.failed;
}

async function watchActive(api: TranscriptionAPI, view: ProgressView): Promise<void> {
  const active = new ActiveJobs(api, view);
  const onAway = (error: Error | null) =>
    note(error === null ? 'the monitor is back' : `the monitor is away, waiting (${error.message})`);
  // Fails at once; the feed would retry for longer.
  await api.system.health();
  for await (const event of api.feed.follow({ resource: 'jobs' }, { onAway })) {
    if (event.resource === 'job') await active.change(event);
    else await active.begin(event);
  }
}

/** The jobs shown: each is fetched when it appears, then updated from the feed. */
class ActiveJobs {
  readonly #api: TranscriptionAPI;
  readonly #view: ProgressView;
  readonly #jobs = new Map<string, JobWithId>();
  #begun = false;

  constructor(api: TranscriptionAPI, view: ProgressView) {
    this.#api = api;
    this.#view = view;
  }

  async begin({ items }: JobsNow): Promise<void> {
    if (!this.#begun && items.length === 0) note('no active jobs; waiting (Ctrl-C to stop)');
    this.#begun = true;
    for (const item of items) await this.change(item);
    // Jobs active before a gap and missing after it have ended: show their result.
    const still = new Set(items.map(({ job_id }) => job_id));
    for (const jobId of [...this.#jobs.keys()]) if (!still.has(jobId)) this.#show(await this.#api.jobs.get(jobId));
  }

  async change(event: JobNow | JobChanged | JobReported): Promise<void> {
    const { job_id, state } = event;
    const known = this.#jobs.get(job_id);
    const waits = state === 'SUBMITTED' || state === 'QUEUED';
    if (!known && (state === 'SUBMITTED' || (waits && this.#waiting() >= QUEUED_SHOWN))) return;
    const job = known && isProgress(event) ? known : await this.#api.jobs.get(job_id);
    this.#show(jobAsOf(job, event));
  }

  #show(job: JobWithId): void {
    const { state, progress } = job;
    this.#view.show({ state, percentage: progress.percentage, stage: progress.stage, job });
    if (ENDED.has(state)) this.#jobs.delete(job.id);
    else this.#jobs.set(job.id, job);
  }

  #waiting(): number {
    return [...this.#jobs.values()].filter(({ state }) => state === 'QUEUED').length;
  }
}

const ENDED: ReadonlySet<string> = new Set(['COMPLETED', 'FAILED', 'CANCELLED']);
