/** `tmon workers`: lists, launches, drains, restarts and terminates workers. */
import { type Command, Option } from 'commander';
import { WORKER_VERDICTS, type Worker, type WorkerVerdict } from '../protocol/worker.ts';
import { CommandError, EXIT } from './exit-code.ts';
import { type ClientOptions, clientCommand, clientOf } from './options.ts';
import { isTerminal, note, oneLine, printJson, printTable } from './output.ts';

type WorkersOptions = ClientOptions & {
  verdict?: WorkerVerdict['status'];
  launch?: boolean;
  drain?: boolean;
  restart?: boolean;
  terminate?: boolean;
};

export function workersCommand(): Command {
  return clientCommand('workers')
    .description('List workers, or show one; launch, drain, restart or terminate one.')
    .argument('[worker]')
    .option('--launch', 'start a new worker on the monitor’s fleet')
    .option('--drain', 'let it finish its jobs, then exit')
    .option('--restart', 'stop it at once, release its jobs, start it again')
    .addOption(new Option('--verdict <verdict>', 'only those with this verdict').choices([...WORKER_VERDICTS]))
    .option('--terminate', 'stop it at once, release its jobs')
    .action(workers);
}

async function workers(workerId: string | undefined, options: WorkersOptions): Promise<void> {
  const api = clientOf(options).workers;
  const acts = (['launch', 'drain', 'restart', 'terminate'] as const).filter((act) => options[act]);
  const [act] = acts;
  if (acts.length > 1)
    throw new CommandError(EXIT.usage, `--${acts.join(' and --')} exclude each other`, 'Use one of them.');
  if (act !== undefined && act !== 'launch' && workerId === undefined) {
    throw new CommandError(
      EXIT.usage,
      `--${act} requires a worker`,
      `tmon workers WORKER --${act}; \`tmon workers\` lists them.`,
    );
  }
  if (act === 'launch') return print([await api.launch()], options);
  if (workerId !== undefined)
    return print([await (act === undefined ? api.get(workerId) : api[act](workerId))], options);
  const all: Worker[] = [];
  const { verdict } = options;
  for await (const worker of api.list(verdict === undefined ? {} : { verdict })) all.push(worker);
  print(all, options);
}

function print(all: readonly Worker[], { json }: WorkersOptions): void {
  if (json) {
    for (const worker of all) printJson(worker);
    return;
  }
  if (all.length === 0 && isTerminal()) return note('no workers yet: `tmon worker` starts one');
  printTable(
    ['WORKER', 'STATE', 'HEALTH', 'JOB', 'DONE', 'FAILED', 'CPU', 'GPU', 'MODEL', 'HEARTBEAT', 'VERDICT', 'REASON'],
    all.map(rowOf),
  );
}

/** A worker of which nothing is heard may be IDLE by the last that is known of it: it waits for nothing. */
const stateOf = ({ state, health }: Worker): string =>
  state === 'IDLE' && health.status === 'UNHEALTHY' ? 'silent' : state;

/** From an older monitor there is no verdict. */
const wrongOf = ({ verdict }: Worker): string | null =>
  verdict == null || verdict.status === 'ok' ? null : verdict.reason;

function rowOf(worker: Worker): string[] {
  const percent = (value: number | null) => (value === null ? '–' : `${Math.round(value)}%`);
  return [
    worker.worker_id,
    stateOf(worker),
    worker.health.status,
    worker.current_job?.job_id ?? '–',
    String(worker.performance.jobs_completed),
    String(worker.performance.jobs_failed),
    percent(worker.health.cpu_usage),
    percent(worker.health.gpu_usage),
    worker.capabilities.model ?? '–',
    worker.last_heartbeat ?? '–',
    worker.verdict?.status ?? '–',
    oneLine(worker.reason ?? worker.health.reason ?? wrongOf(worker) ?? '–'),
  ];
}
