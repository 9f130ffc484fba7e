/** `tmon actions`: what policies decided, newest first: done, or why not. */
import { type Command, Option } from 'commander';
import { ACTIONS, type DecidedAction, JOB_REASONS, OUTCOMES, WORKER_REASONS } from '../protocol/policies.ts';
import type { ActionsQuery } from '../sdk/typescript/index.ts';
import { type ClientOptions, clientCommand, clientOf } from './options.ts';
import { colour, isTerminal, note, oneLine, printJson, printTable } from './output.ts';

type ActionsOptions = ClientOptions & {
  policy?: string;
  verdict?: string;
  action?: string;
  outcome?: NonNullable<ActionsQuery['outcome']>;
  job?: string;
  worker?: string;
  limit: number;
};

export function actionsCommand(): Command {
  return clientCommand('actions')
    .description('List what policies decided, newest first: done, or why not.')
    .option('--policy <name>', 'only decisions of this policy')
    .addOption(new Option('--verdict <verdict>').choices([...JOB_REASONS, ...WORKER_REASONS]))
    .addOption(new Option('--action <action>').choices([...ACTIONS]))
    .addOption(new Option('--outcome <outcome>').choices([...OUTCOMES]))
    .option('--job <job>', 'only decisions about this job')
    .option('--worker <worker>', 'only decisions about this worker and its jobs')
    .option('--limit <number>', 'how many', Number, 100)
    .action(actions);
}

async function actions({ limit, ...options }: ActionsOptions): Promise<void> {
  const { policy, verdict, action, outcome, job: job_id, worker: worker_id } = options;
  const given = Object.entries({ policy, verdict, action, outcome, job_id, worker_id });
  const query: ActionsQuery = Object.fromEntries(given.filter(([, value]) => value !== undefined));
  const found: DecidedAction[] = [];
  for await (const one of clientOf(options).system.actions(query)) {
    if (found.length === limit) break;
    found.push(one);
  }
  if (options.json) {
    for (const one of found) printJson(one);
    return;
  }
  if (found.length === 0 && isTerminal()) return note('no policy has decided anything');
  printTable(['AT', 'OUTCOME', 'ACTION', 'VERDICT', 'JOB', 'WORKER', 'POLICY', 'MACHINE', 'REASON'], found.map(rowOf));
}

function rowOf(one: DecidedAction): string[] {
  const { at, outcome, action, verdict, job_id, worker_id, policy, machine, reason } = one;
  return [
    at,
    outcome === 'acted' ? colour('yellow', outcome) : outcome,
    action,
    verdict,
    job_id ?? '–',
    worker_id ?? '–',
    policy,
    machine === null ? '–' : machine.details === null ? machine.state : `${machine.state}: ${oneLine(machine.details)}`,
    oneLine(reason),
  ];
}
