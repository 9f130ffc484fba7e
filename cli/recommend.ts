/** `tmon recommend`: asks a few questions and recommends a system, with its monthly cost and setup time. */
import { createInterface } from 'node:readline/promises';
import { Command, InvalidArgumentError } from 'commander';
import { CommandError, EXIT } from './exit-code.ts';
import { jsonOption } from './options.ts';
import { colour, isTerminal, printJson, printLine, printTable } from './output.ts';
import { costOf, DEFAULT_WORKLOAD, type Workload } from './recommend/cost.ts';
import { NEEDS, type Need, type Recommendation, recommend, type System, systems } from './recommend/systems.ts';

type Options = { needs?: Need[]; jobs?: number; minutes?: number; every?: number; json?: boolean };

export function recommendCommand(): Command {
  return new Command('recommend')
    .description('Recommend a system for your needs, with its monthly cost and setup.')
    .option('--needs <list>', `skips the questions: ${Object.keys(NEEDS).join(', ')}`, needsOf)
    .option('--jobs <count>', `jobs per month (default ${DEFAULT_WORKLOAD.jobs_per_month})`, positive)
    .option('--minutes <minutes>', `processing time of a job (default ${DEFAULT_WORKLOAD.minutes_per_job})`, positive)
    .option(
      '--every <seconds>',
      `seconds between progress reports (default ${DEFAULT_WORKLOAD.seconds_per_report})`,
      positive,
    )
    .addOption(jsonOption())
    .action(run);
}

async function run(options: Options): Promise<void> {
  const asking = options.needs === undefined;
  if (asking && !(process.stdin.isTTY && isTerminal()))
    throw new CommandError(
      EXIT.usage,
      'no terminal to ask on',
      `tmon recommend --needs simple,cheap --jobs 10000; needs are ${Object.keys(NEEDS).join(', ')}.`,
    );
  const { needs, jobs, minutes } = asking ? await ask(options) : { needs: options.needs!, ...options };
  const work: Workload = {
    ...DEFAULT_WORKLOAD,
    ...(jobs === undefined ? {} : { jobs_per_month: jobs }),
    ...(minutes === undefined ? {} : { minutes_per_job: minutes }),
    ...(options.every === undefined ? {} : { seconds_per_report: options.every }),
  };
  const best = recommend(new Set(needs));
  if (options.json) printJson(documentOf(best, work));
  else print(best, work);
}

async function ask(options: Options): Promise<{ needs: Need[]; jobs?: number; minutes?: number }> {
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  try {
    const needs: Need[] = [];
    printLine('Do you need … (y or n; Enter is n)');
    for (const [need, words] of Object.entries(NEEDS) as [Need, string][]) {
      if (/^y/i.test((await lines.question(`  ${words}? `)).trim())) needs.push(need);
    }
    const figure = async (words: string, known: number | undefined, usual: number) => {
      for (;;) {
        if (known !== undefined) return known;
        const text = (await lines.question(`${words} (Enter: ${usual}) `)).trim();
        if (text === '') return usual;
        if (Number(text) > 0) return Number(text);
        printLine('Enter a number above 0.');
      }
    };
    const jobs = await figure('Jobs per month?', options.jobs, DEFAULT_WORKLOAD.jobs_per_month);
    const minutes = await figure('Minutes per job?', options.minutes, DEFAULT_WORKLOAD.minutes_per_job);
    return { needs, jobs, minutes };
  } finally {
    lines.close();
  }
}

function documentOf(best: Recommendation, workload: Workload) {
  return {
    recommended: best.system.name,
    for: best.for,
    against: best.against,
    workload,
    systems: systems.map((system) => ({ ...system, cost: costOf(system.name, workload) })),
  };
}

function print({ system, for: reasons, against }: Recommendation, work: Workload): void {
  const { usd_per_month } = costOf(system.name, work);
  printLine('');
  printLine(`${colour('bold', system.title)}: ${dollars(usd_per_month)} per month, ${system.setup_time} to set up.`);
  if (reasons.length > 0) printLine(`For it: ${reasons.map((need) => NEEDS[need]).join('; ')}.`);
  else printLine('You need nothing more: start here, and move up when you have to.');
  if (against.length > 0)
    printLine(`Against it: ${against.map((need) => NEEDS[need]).join('; ')}. No system meets every need.`);
  printLine('');
  for (const command of system.setup) printLine(`  ${command}`);
  printLine(`  Reporter.from_url("${system.worker_url}", worker_id=…)   in your worker`);
  printLine(`  ${system.check}`);
  printLine('');
  printTable(
    ['SYSTEM', 'USD A MONTH', 'REQUESTS', 'SET-UP', 'USE IT WHEN', 'NOT WHEN'],
    systems.map((one) => rowOf(one, work)),
  );
  printLine('');
  printLine(
    `For ${work.jobs_per_month} jobs of ${work.minutes_per_job} minutes; docs/choosing.md explains the figures.`,
  );
}

function rowOf(system: System, work: Workload): string[] {
  const { usd_per_month, requests_per_month } = costOf(system.name, work);
  const { title, setup_time, use_when_words, dont_use_when_words } = system;
  return [title, dollars(usd_per_month), String(requests_per_month), setup_time, use_when_words, dont_use_when_words];
}

const dollars = (usd: number): string => `$${usd.toFixed(2)}`;

function needsOf(text: string): Need[] {
  const names = text
    .split(',')
    .map((one) => one.trim())
    .filter(Boolean);
  for (const name of names) {
    if (!Object.hasOwn(NEEDS, name))
      throw new InvalidArgumentError(`unknown need ${name}; use ${Object.keys(NEEDS).join(', ')}.`);
  }
  return names as Need[];
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0) || !Number.isFinite(value)) throw new InvalidArgumentError('Must be a number above 0.');
  return value;
}
