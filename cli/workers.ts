/** `tmon workers`: who works, and the few things that can be asked of a worker. */
import type { Command } from 'commander';
import type { Worker } from '../protocol/worker.ts';
import { CommandError, EXIT } from './exit-code.ts';
import { type ClientOptions, clientCommand, clientOf } from './options.ts';
import { isTerminal, note, printJson, printTable } from './output.ts';

type WorkersOptions = ClientOptions & { launch?: boolean; drain?: boolean; restart?: boolean; terminate?: boolean };

export function workersCommand(): Command {
  return clientCommand('workers')
    .description('List workers, or show one; launch, drain, restart or terminate one.')
    .argument('[worker]')
    .option('--launch', 'start a new one on the fleet of the monitor')
    .option('--drain', 'let it finish its jobs, then leave')
    .option('--restart', 'stop it at once, hand its jobs back, start it anew')
    .option('--terminate', 'stop it at once, hand its jobs back')
    .action(workers);
}

async function workers(workerId: string | undefined, options: WorkersOptions): Promise<void> {
  const api = clientOf(options).workers;
  const acts = (['launch', 'drain', 'restart', 'terminate'] as const).filter((act) => options[act]);
  const [act] = acts;
  if (acts.length > 1) throw new CommandError(EXIT.usage, `--${acts.join(' and --')} at once`, 'Ask for one of them.');
  if (act !== undefined && act !== 'launch' && workerId === undefined) {
    throw new CommandError(
      EXIT.usage,
      `--${act} needs a worker`,
      `tmon workers WORKER --${act}; \`tmon workers\` lists them.`,
    );
  }
  if (act === 'launch') return print([await api.launch()], options);
  if (workerId !== undefined)
    return print([await (act === undefined ? api.get(workerId) : api[act](workerId))], options);
  const all: Worker[] = [];
  for await (const worker of api.list()) all.push(worker);
  print(all, options);
}

function print(all: readonly Worker[], { json }: WorkersOptions): void {
  if (json) {
    for (const worker of all) printJson(worker);
    return;
  }
  if (all.length === 0 && isTerminal()) return note('no worker yet: `tmon worker` starts one');
  printTable(
    ['WORKER', 'STATE', 'HEALTH', 'JOB', 'DONE', 'FAILED', 'CPU', 'GPU', 'MODEL', 'LAST BEAT'],
    all.map(rowOf),
  );
}

function rowOf(worker: Worker): string[] {
  const percent = (value: number | null) => (value === null ? '–' : `${Math.round(value)}%`);
  return [
    worker.worker_id,
    worker.state,
    worker.health.status,
    worker.current_job?.job_id ?? '–',
    String(worker.performance.jobs_completed),
    String(worker.performance.jobs_failed),
    percent(worker.health.cpu_usage),
    percent(worker.health.gpu_usage),
    worker.capabilities.model ?? '–',
    worker.last_heartbeat ?? '–',
  ];
}
