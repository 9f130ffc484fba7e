/** `tmon costs`: what jobs cost, by day, model, worker, … */
import { type Command, Option } from 'commander';
import { type AnalyticsQuery, type CostReport, GROUPS, type Group } from '../protocol/analytics.ts';
import { type ClientOptions, clientCommand, clientOf, moment } from './options.ts';
import { duration, isTerminal, note, printJson, printTable } from './output.ts';

type CostsOptions = ClientOptions & { from?: string; to?: string; by: Group; csv?: boolean };
type Costs = CostReport['total'];

export function costsCommand(): Command {
  return clientCommand('costs')
    .description('What the jobs cost that ended in a time: 30 days by default.')
    .option('--from <time>', 'ended at or after: 2025-07-07, or 12h, 7d ago', moment)
    .option('--to <time>', 'ended before', moment)
    .addOption(new Option('--by <group>', 'one row for each').choices(GROUPS).default('day'))
    .option('--csv', 'CSV, with all figures')
    .action(costs);
}

async function costs(options: CostsOptions): Promise<void> {
  const report = await clientOf(options).analytics.costs({ ...rangeOf(options), group_by: options.by });
  if (options.json) return printJson(report);
  if (options.csv) return printCsv(report);
  const rows = report.items.map((item) => [item.group ?? 'unknown', ...figuresOf(item)]);
  printTable([options.by.toUpperCase().replace('_', ' '), ...HEADS], [...rows, ['total', ...figuresOf(report.total)]]);
  const { unpriced_attempts } = report.total;
  if (unpriced_attempts > 0)
    note(`${unpriced_attempts} attempts have no price: register their workers with location.spot_price`);
  if (options.by === 'tag' && isTerminal()) note('a job with several tags is in several rows');
}

export function rangeOf({ from, to }: { from?: string; to?: string }): Pick<AnalyticsQuery, 'from' | 'to'> {
  return { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
}

const HEADS = ['DONE', 'FAILED', 'CANCELLED', 'COST', 'WASTED', 'PER JOB', 'PER AUDIO MINUTE', 'AUDIO'];

function figuresOf(costs: Costs): string[] {
  return [
    ...[costs.jobs_completed, costs.jobs_failed, costs.jobs_cancelled].map(String),
    usd(costs.cost_usd),
    usd(costs.wasted_usd),
    usd(costs.cost_per_job_usd),
    usd(costs.cost_per_audio_minute_usd),
    duration(costs.audio_seconds),
  ];
}

/** Two digits, or as many as a small amount needs. */
function usd(amount: number | null): string {
  if (amount === null) return '–';
  const digits = amount === 0 || amount >= 10 ? 2 : amount >= 0.1 ? 3 : 6;
  return `$${amount.toFixed(digits)}`;
}

/** The items as the API has them. */
async function printCsv({ items, total }: CostReport): Promise<void> {
  const { csvLine } = await import('../server/sql.ts');
  const names = Object.keys(total) as (keyof Costs)[];
  process.stdout.write(csvLine(['group', ...names]));
  for (const item of items) process.stdout.write(csvLine([item.group, ...names.map((name) => item[name])]));
}
