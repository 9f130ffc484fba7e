/** `tmon bottlenecks`: what slows jobs down or makes them fail, with the jobs that show it. */
import type { Command } from 'commander';
import { type Bottlenecks, PATTERNS, type Pattern } from '../protocol/analytics.ts';
import { rangeOf } from './costs.ts';
import { type ClientOptions, clientCommand, clientOf, moment, wholeNumber } from './options.ts';
import { colour, duration, isTerminal, note, oneLine, printJson, printLine, printTable } from './output.ts';

type BottlenecksOptions = ClientOptions & { from?: string; to?: string; limit: number };

export function bottlenecksCommand(): Command {
  return clientCommand('bottlenecks')
    .description('What slowed jobs down or made them fail that ended in a time: 30 days by default.')
    .option('--from <time>', 'ended at or after: 2025-07-07, or 12h, 7d ago', moment)
    .option('--to <time>', 'ended before', moment)
    .option('--limit <count>', 'at most this many jobs of each pattern, 1 to 200', wholeNumber, 5)
    .action(bottlenecks);
}

async function bottlenecks(options: BottlenecksOptions): Promise<void> {
  const found = await clientOf(options).analytics.bottlenecks({ ...rangeOf(options), limit: options.limit });
  if (options.json) return printJson(found);
  const names = (Object.keys(PATTERNS) as Pattern[]).filter((name) => found.counts[name] > 0);
  if (isTerminal()) for (const name of names) printPattern(name, found);
  else
    printTable(
      [],
      names.flatMap((name) => found.patterns[name].map((job) => [name, job.job_id, job.evidence])),
    );
  note(summaryOf(found, names.length));
}

function printPattern(name: Pattern, { counts, patterns }: Bottlenecks): void {
  printLine(`${colour('bold', name)}  ${counts[name]}  ${PATTERNS[name]}`);
  for (const { job_id, evidence } of patterns[name]) printLine(`  ${job_id}  ${oneLine(evidence)}`);
  const more = counts[name] - patterns[name].length;
  if (more > 0) printLine(colour('dim', `  and ${more} more`));
}

function summaryOf({ jobs_completed, average_processing_seconds, slow_jobs }: Bottlenecks, patterns: number): string {
  const mean = jobs_completed === 0 ? '' : `, in ${duration(average_processing_seconds)} on average`;
  const found = patterns === 0 ? '; no pattern was found' : '';
  return `${jobs_completed} jobs were completed${mean}; ${slow_jobs} took more than twice as long${found}`;
}
