/** `tmon jobs`: lists jobs, newest first. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { JOB_STATES, type JobStateName, PRIORITIES, type Priority } from '../protocol/job.ts';
import type { JobQuery } from '../protocol/queue.ts';
import { VERDICTS, type VerdictStatus } from '../protocol/verdict.ts';
import type { JobWithId } from '../sdk/typescript/index.ts';
import { type ClientOptions, clientCommand, clientOf, moment, wholeNumber } from './options.ts';
import { duration, fileName, isTerminal, note, printJson, printTable, stateColour } from './output.ts';

const PAGE_MAX = 1000;

export type JobsOptions = ClientOptions & {
  state?: JobStateName;
  worker?: string;
  priority?: Priority;
  tag?: string;
  tenant?: string;
  suspect?: true;
  verdict?: VerdictStatus;
  model?: string;
  error?: string;
  after?: string;
  before?: string;
  q?: string;
  limit: number;
};

export function jobsCommand(): Command {
  return clientCommand('jobs')
    .description('List jobs, newest first.')
    .addOption(new Option('--state <state>').choices(JOB_STATES).argParser(stateName))
    .option('--worker <id>', 'on this worker')
    .addOption(new Option('--priority <priority>').choices(PRIORITIES))
    .option('--tag <tag>')
    .option('--tenant <id>', 'of this tenant')
    .option('--suspect', 'whose transcript can hardly be what was said')
    .addOption(new Option('--verdict <verdict>', 'unfinished, with this verdict').choices(VERDICTS))
    .option('--model <model>', 'whose worker has this model')
    .option('--error <code>', 'whose last error has this code')
    .option('--after <time>', 'submitted at or after: 2025-07-07, 2025-07-07T19:30:00Z, or 30m, 12h, 7d ago', moment)
    .option('--before <time>', 'submitted before', moment)
    .option('--q <text>', 'matches id, input path, tags, metadata or last error')
    .option('--limit <count>', 'at most this many; 0: all', wholeNumber, 50)
    .action(listJobs);
}

function stateName(text: string): JobStateName {
  const state = JOB_STATES.find((known) => known === text.toUpperCase());
  if (state === undefined) throw new InvalidArgumentError(`Must be one of ${JOB_STATES.join(', ')}.`);
  return state;
}

async function listJobs(options: JobsOptions): Promise<void> {
  const { limit } = options;
  const rows: string[][] = [];
  let more = false;
  for await (const job of clientOf(options).jobs.list(queryOf(options))) {
    if (limit > 0 && rows.length === limit) {
      more = true;
      break;
    }
    rows.push(options.json ? [] : rowOf(job));
    if (options.json) printJson(job);
  }
  if (options.json) return;
  if (isTerminal() && rows.length === 0) return note('no jobs match');
  printTable(
    ['JOB', 'STATE', 'VERDICT', 'PROGRESS', 'STAGE', 'PRIORITY', 'CREATED', 'TOOK', 'EXPECTED', 'INPUT'],
    rows,
  );
  if (more && isTerminal()) note(`more exist: --limit ${limit * 10}, or 0 for all`);
}

/** `limit` 0: all, in large pages. */
export function queryOf(options: Omit<JobsOptions, keyof ClientOptions>): JobQuery {
  const { state, worker, priority, tag, tenant, suspect, verdict, model, error, after, before, q, limit } = options;
  return {
    // One more than is shown, to know whether there are more.
    limit: limit === 0 ? PAGE_MAX : Math.min(limit + 1, PAGE_MAX),
    ...(state === undefined ? {} : { state }),
    ...(worker === undefined ? {} : { worker_id: worker }),
    ...(priority === undefined ? {} : { priority }),
    ...(tag === undefined ? {} : { tag }),
    ...(tenant === undefined ? {} : { tenant }),
    ...(suspect === undefined ? {} : { suspect }),
    ...(verdict === undefined ? {} : { verdict }),
    ...(model === undefined ? {} : { model }),
    ...(error === undefined ? {} : { error_code: error }),
    ...(after === undefined ? {} : { created_after: after }),
    ...(before === undefined ? {} : { created_before: before }),
    ...(q === undefined ? {} : { q }),
  };
}

function rowOf(job: JobWithId): string[] {
  return [
    job.id,
    // Padded here, because colour codes would count as width.
    isTerminal() ? stateColour(job.state.padEnd(10)) : job.state,
    job.verdict?.status ?? '–',
    `${Math.floor(job.progress.percentage)}%`,
    job.progress.stage ?? '–',
    job.priority,
    job.created_at,
    duration(job.performance.processing_time_seconds),
    job.expected_completion?.p90 ?? '–',
    fileName(job.input.s3_path),
  ];
}
