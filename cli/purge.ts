/** `tmon purge`: erases jobs and everything personal about them. */
import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import type { ErasureAnswer } from '../protocol/erasure.ts';
import type { JobFilter } from '../protocol/queue.ts';
import type { TranscriptionAPI } from '../sdk/typescript/index.ts';
import { CommandError, EXIT } from './exit-code.ts';
import { type ClientOptions, clientCommand, clientOf, jobIds, moment } from './options.ts';
import { isTerminal, note, printJson, printLine } from './output.ts';

type PurgeOptions = ClientOptions & {
  tag?: string;
  tenant?: string;
  job?: string[];
  after?: string;
  before?: string;
  q?: string;
  dryRun?: boolean;
  yes?: boolean;
};

export function purgeCommand(): Command {
  return clientCommand('purge')
    .description(
      'Erase jobs, in memory and in the archive: recordings in the store, transcripts, views, analytics. May be repeated.',
    )
    .option('--tag <tag>', 'jobs with this tag')
    .option('--tenant <tenant>', 'jobs of this tenant')
    .option('--job <id>', 'this job; repeatable', jobIds)
    .option('--after <time>', 'submitted at or after: 2025-07-07, or 12h, 7d ago', moment)
    .option('--before <time>', 'submitted before', moment)
    .option('--q <text>', 'matches id, input path, tags, metadata or last error')
    .option('--dry-run', 'list the jobs, change nothing')
    .option('--yes', 'erase without a question; needed in a pipe')
    .action(purge);
}

async function purge(options: PurgeOptions): Promise<void> {
  const filter = filterOf(options);
  if (Object.keys(filter).length === 0) {
    throw new CommandError(EXIT.usage, 'which jobs?', 'Use --tag, --tenant, --job, --before, --after or --q.');
  }
  const api = clientOf(options);
  if (!options.yes && !options.dryRun) await confirm(api, filter);
  const total: Erased = { job_ids: [], running_ids: [], not_deleted: [], journal_until: null };
  for await (const page of pages(api, filter, options.dryRun === true)) {
    total.job_ids.push(...page.job_ids);
    total.running_ids.push(...page.running_ids);
    total.not_deleted.push(...page.not_deleted);
    total.journal_until = page.journal_until ?? total.journal_until;
    if (!options.json) for (const jobId of page.job_ids) printLine(jobId);
  }
  if (options.json) printJson({ ...total, dry_run: options.dryRun === true });
  else report(total, options);
  if (total.running_ids.length > 0) process.exitCode = EXIT.refused;
}

type Erased = Pick<ErasureAnswer, 'job_ids' | 'running_ids' | 'not_deleted' | 'journal_until'>;

async function* pages(api: TranscriptionAPI, filter: JobFilter, dry_run: boolean): AsyncGenerator<ErasureAnswer> {
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page = await api.jobs.eraseMatching({ filter, dry_run, ...(cursor === undefined ? {} : { cursor }) });
    yield page;
    cursor = page.next_cursor;
  }
}

/** Throws CommandError unless a person on a terminal says yes. */
async function confirm(api: TranscriptionAPI, filter: JobFilter): Promise<void> {
  let found = 0;
  for await (const { job_ids } of pages(api, filter, true)) found += job_ids.length;
  const effect = `erases ${counted(found)}, with recordings and transcripts, for ever`;
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new CommandError(EXIT.usage, `this ${effect}`, 'Add --yes to do it, or --dry-run to list them.');
  }
  const asked = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await asked.question(`This ${effect}. Continue? [y/N] `);
  asked.close();
  if (!/^y(es)?$/i.test(answer.trim())) throw new CommandError(EXIT.refused, 'nothing was changed');
}

function report({ job_ids, running_ids, not_deleted, journal_until }: Erased, { dryRun }: PurgeOptions): void {
  if (isTerminal() || running_ids.length > 0) {
    note(`${counted(job_ids.length)} ${dryRun ? 'would be' : job_ids.length === 1 ? 'was' : 'were'} erased`);
  }
  if (journal_until !== null) note(`the journal may hold their fields until ${journal_until}`);
  if (running_ids.length > 0) {
    note(`${counted(running_ids.length)} left, which workers hold: tmon cancel ${running_ids.slice(0, 3).join(' ')}`);
  }
  if (not_deleted.length > 0) {
    note(
      `outside the store, and not deleted: ${not_deleted.slice(0, 5).join(', ')}${not_deleted.length > 5 ? ', …' : ''}`,
    );
  }
}

const counted = (count: number): string => `${count} ${count === 1 ? 'job' : 'jobs'}`;

function filterOf({ tag, tenant, job, after, before, q }: PurgeOptions): JobFilter {
  return {
    ...(tag === undefined ? {} : { tag }),
    ...(tenant === undefined ? {} : { tenant }),
    ...(job === undefined ? {} : { job_ids: job }),
    ...(after === undefined ? {} : { created_after: after }),
    ...(before === undefined ? {} : { created_before: before }),
    ...(q === undefined ? {} : { q }),
  };
}
