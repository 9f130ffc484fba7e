/** `tmon queue`: what waits, what lies in the dead-letter queue, and what to do with it. */
import { type Command, Option } from 'commander';
import { PRIORITIES, type Priority } from '../protocol/job.ts';
import type { BulkAnswer, JobFilter, Queue } from '../protocol/queue.ts';
import { CommandError, EXIT } from './exit-code.ts';
import { type ClientOptions, clientCommand, clientOf, collect, moment } from './options.ts';
import { duration, isTerminal, note, printJson, printLine, printTable } from './output.ts';

type QueueOptions = ClientOptions & {
  purge?: boolean;
  redrive?: boolean;
  dryRun?: boolean;
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
    .description('Show the queues; take jobs out of one, or put dead ones back.')
    .argument('[queue]', 'main or dlq; both without it')
    .option('--purge', 'take jobs out: waiting ones are cancelled, dead ones dropped')
    .option('--redrive', 'put jobs of the dead-letter queue back into the main one')
    .option('--dry-run', 'say which jobs it would be, change nothing')
    .option('--job <id>', 'only this job; may be given several times', collect)
    .addOption(new Option('--priority <priority>', 'only these').choices(PRIORITIES))
    .option('--tag <tag>', 'only jobs with it')
    .option('--error-code <code>', 'only jobs that failed so: gpu_out_of_memory')
    .option('--worker <id>', 'only jobs last on this worker')
    .option('--after <time>', 'submitted at or after: 2025-07-07, or 12h, 7d ago', moment)
    .option('--before <time>', 'submitted before', moment)
    .option('--q <text>', 'found in id, input path, tags, metadata or last error')
    .action(queue);
}

async function queue(name: string | undefined, options: QueueOptions): Promise<void> {
  const api = clientOf(options).queues;
  if (name !== undefined && name !== 'main' && name !== 'dlq') {
    throw new CommandError(EXIT.usage, `there is no queue ${name}`, 'It is main or dlq.');
  }
  if (options.purge && options.redrive)
    throw new CommandError(EXIT.usage, '--purge and --redrive at once', 'Ask for one of them.');
  const request = { filter: filterOf(options), dry_run: options.dryRun === true };
  if (options.redrive) {
    if (name === 'main')
      throw new CommandError(EXIT.usage, 'only dead jobs can be put back', 'tmon queue dlq --redrive');
    return printTaken(await api.redrive(request), 'put back', options);
  }
  if (options.purge) {
    if (name === undefined)
      throw new CommandError(EXIT.usage, '--purge needs to know which queue', 'tmon queue dlq --purge --dry-run');
    return printTaken(await api.purge(name, request), name === 'main' ? 'cancelled' : 'dropped', options);
  }
  const queues: Queue[] = [];
  if (name !== 'dlq') queues.push(await api.main());
  if (name !== 'main') queues.push(await api.dlq());
  if (options.json) for (const one of queues) printJson(one);
  else printTable(['QUEUE', 'WAITING', 'HIGH', 'NORMAL', 'LOW', 'DELAYED', 'AT WORK', 'OLDEST'], queues.map(rowOf));
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
