/** `tmon queue`: shows, purges and redrives the queues. */
import { createInterface } from 'node:readline/promises';
import { type Command, Option } from 'commander';
import { PRIORITIES, type Priority } from '../protocol/job.ts';
import type { BulkAnswer, BulkRequest, JobFilter, Queue } from '../protocol/queue.ts';
import type { TranscriptionAPI } from '../sdk/typescript/index.ts';
import { CommandError, EXIT } from './exit-code.ts';
import { type ClientOptions, clientCommand, clientOf, jobIds, moment } from './options.ts';
import { duration, isTerminal, note, printJson, printLine, printTable } from './output.ts';

type Queues = TranscriptionAPI['queues'];

type QueueOptions = ClientOptions & {
  purge?: boolean;
  redrive?: boolean;
  dryRun?: boolean;
  yes?: boolean;
  job?: string[];
  priority?: Priority;
  tag?: string;
  errorCode?: string;
  worker?: string;
  after?: string;
  before?: string;
  q?: string;
};

export function queueCommand(): Command {
  return clientCommand('queue')
    .description('Show the queues; remove jobs from one, or redrive dead letters.')
    .argument('[queue]', 'main or dlq (default: both)')
    .option('--purge', 'remove jobs: waiting ones are cancelled, dead letters dropped')
    .option('--redrive', 'return dead letters to the main queue')
    .option('--dry-run', 'list the jobs, change nothing')
    .option('--yes', 'purge without a question; needed in a pipe')
    .option('--job <id>', 'only this job; repeatable', jobIds)
    .addOption(new Option('--priority <priority>', 'only this priority').choices(PRIORITIES))
    .option('--tag <tag>', 'only jobs with this tag')
    .option('--error-code <code>', 'only jobs that failed with this code: gpu_out_of_memory')
    .option('--worker <id>', 'only jobs whose last worker was this one')
    .option('--after <time>', 'submitted at or after: 2025-07-07, or 12h, 7d ago', moment)
    .option('--before <time>', 'submitted before', moment)
    .option('--q <text>', 'matches id, input path, tags, metadata or last error')
    .action(queue);
}

async function queue(name: string | undefined, options: QueueOptions): Promise<void> {
  const api = clientOf(options).queues;
  if (name !== undefined && name !== 'main' && name !== 'dlq') {
    throw new CommandError(EXIT.usage, `unknown queue ${name}`, 'The queues are main and dlq.');
  }
  if (options.purge && options.redrive)
    throw new CommandError(EXIT.usage, '--purge and --redrive exclude each other', 'Use one of them.');
  const request = { filter: filterOf(options), dry_run: options.dryRun === true };
  if (options.redrive) {
    if (name === 'main')
      throw new CommandError(EXIT.usage, 'only dead letters can be redriven', 'tmon queue dlq --redrive');
    return printTaken(await api.redrive(request), 'redriven', options);
  }
  if (options.purge) {
    if (name === undefined)
      throw new CommandError(EXIT.usage, '--purge requires a queue', 'tmon queue dlq --purge --dry-run');
    if (!request.dry_run && !options.yes) await confirmPurge(api, name, request);
    return printTaken(await api.purge(name, request), name === 'main' ? 'cancelled' : 'dropped', options);
  }
  const queues: Queue[] = [];
  if (name !== 'dlq') queues.push(await api.main());
  if (name !== 'main') queues.push(await api.dlq());
  if (options.json) for (const one of queues) printJson(one);
  else printTable(['QUEUE', 'WAITING', 'HIGH', 'NORMAL', 'LOW', 'DELAYED', 'IN FLIGHT', 'OLDEST'], queues.map(rowOf));
}

/** Throws CommandError unless a person on a terminal says yes. */
async function confirmPurge(api: Queues, name: 'main' | 'dlq', request: BulkRequest): Promise<void> {
  const { job_ids } = await api.purge(name, { ...request, dry_run: true });
  const what = `${job_ids.length} ${job_ids.length === 1 ? 'job' : 'jobs'}`;
  const effect = name === 'main' ? `cancels ${what} that wait` : `drops ${what} that failed`;
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new CommandError(EXIT.usage, `this ${effect}`, 'Add --yes to do it, or --dry-run to list them.');
  }
  const asked = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await asked.question(`This ${effect}. Continue? [y/N] `);
  asked.close();
  if (!/^y(es)?$/i.test(answer.trim())) throw new CommandError(EXIT.refused, 'nothing was changed');
}

function rowOf(one: Queue): string[] {
  const { high, normal, low } = one.by_priority;
  const counts = [one.messages_visible, high, normal, low, one.messages_delayed, one.messages_inflight];
  return [one.queue, ...counts.map(String), duration(one.age_oldest_message)];
}

function printTaken({ job_ids, dry_run }: BulkAnswer, what: string, { json }: QueueOptions): void {
  if (json) return printJson({ job_ids, dry_run });
  for (const jobId of job_ids) printLine(jobId);
  if (isTerminal()) note(`${job_ids.length} ${dry_run ? 'would be' : 'were'} ${what}`);
}

function filterOf({ job, priority, tag, errorCode, worker, after, before, q }: QueueOptions): JobFilter {
  return {
    ...(job === undefined ? {} : { job_ids: job }),
    ...(priority === undefined ? {} : { priority }),
    ...(tag === undefined ? {} : { tag }),
    ...(errorCode === undefined ? {} : { error_code: errorCode }),
    ...(worker === undefined ? {} : { worker_id: worker }),
    ...(after === undefined ? {} : { created_after: after }),
    ...(before === undefined ? {} : { created_before: before }),
    ...(q === undefined ? {} : { q }),
  };
}
