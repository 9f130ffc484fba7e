/** `tmon retention`: how long jobs are kept, and which are erased next. */
import type { Command } from 'commander';
import { type ClientOptions, clientCommand, clientOf } from './options.ts';
import { note, printJson, printTable } from './output.ts';

export function retentionCommand(): Command {
  return clientCommand('retention')
    .description('Show how long jobs are kept, by tag and tenant, and the jobs that are erased next.')
    .action(show);
}

async function show(options: ClientOptions): Promise<void> {
  const retention = await clientOf(options).system.retention();
  if (options.json) return printJson(retention);
  const { default_seconds, tags, tenants, next, erasing } = retention;
  const kept = (seconds: number | null) => (seconds === null ? 'for ever' : `${Math.round(seconds / 8_640) / 10}d`);
  printTable(
    ['JOBS', 'KEPT'],
    [
      ...tags.map(({ tag, keep_seconds }) => [`tag:${tag}`, kept(keep_seconds)]),
      ...tenants.map(({ tenant, keep_seconds }) => [`tenant:${tenant}`, kept(keep_seconds)]),
      ['others', kept(default_seconds)],
    ],
  );
  if (erasing > 0) note(`${erasing} jobs were erased, and something is left of them: see docs/erasure.md`);
  if (next.length === 0) return;
  printTable(
    ['NEXT', 'ENDED', 'ERASED AT', 'RULE'],
    next.map(({ job_id, ended_at, due_at, rule }) => [job_id, ended_at, due_at, rule]),
  );
}
