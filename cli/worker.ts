/** `tmon worker`: runs a worker until it is drained or terminated. */
import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import { ulid } from 'ulidx';
import type { EngineLimits } from '../agent/engines/engine.ts';
import { JOB_TIMEOUT_HINT, readJobTimeout, readStallTimeout, STALL_TIMEOUT_HINT } from '../agent/engines/limits.ts';
import { machineId } from '../agent/machine-id.ts';
import type { Notices } from '../agent/notices/notice.ts';
import { ON_SUSPECT, type OnSuspect } from '../agent/quality/on-suspect.ts';
import type { WorkerLine } from '../agent/worker.ts';
import type { Location } from '../protocol/worker.ts';
import { tracesWanted } from '../server/config.ts';
import type { SpanExport } from '../tracing/span.ts';
import { EXIT } from './exit-code.ts';
import { amount, type ClientOptions, clientCommand, clientOf, collect, wholeNumber } from './options.ts';
import { note, oneLine } from './output.ts';

type WorkerCommandOptions = ClientOptions & {
  engine: string;
  id?: string;
  maxJobs: number;
  onSuspect: OnSuspect;
  workDir?: string;
  instanceId: string;
  region?: string;
  availabilityZone?: string;
  instanceType?: string;
  hourlyPrice?: number;
  transport: 'http' | 'websocket';
  supervised?: boolean;
  allowHttp?: boolean;
  stallTimeout?: NonNullable<EngineLimits['stall_ms']>;
  jobTimeout?: NonNullable<EngineLimits['job']>;
  defaults: string;
  tag?: string[];
};

/** A model that is for English alone says so in its name. */
const languagesOf = (model: string): { languages?: string[] } => (/\.en$/.test(model) ? { languages: ['en'] } : {});

const SAME_KEY_MS = 500;

const SIGNALS_HELP = `
The first SIGTERM or Ctrl-C drains: the job at hand is finished. The second stops at once and hands the job back.
Whatever ends the worker, kill -9 too, ends its engine with it.

A spot interruption notice of EC2 drains too, and hands back in time what can't be finished before the machine ends.
AWS_EC2_METADATA_DISABLED=true turns this off.`;

export function workerCommand(): Command {
  return clientCommand('worker')
    .description('Run a worker: claim jobs, fetch the audio, transcribe it, report.')
    .addOption(
      new Option(
        '--engine <engine>',
        "auto, whisper.cpp, faster-whisper, openai-whisper, pocketsphinx, openai:URL or 'exec:COMMAND {input} {output}'",
      )
        .env('TMON_ENGINE')
        .default('auto'),
    )
    .addOption(new Option('--id <id>', 'its id (default: a new one)').env('TMON_WORKER_ID'))
    .addOption(
      new Option('--max-jobs <count>', 'maximum number of concurrent jobs')
        .env('TMON_MAX_JOBS')
        .default(1)
        .argParser(wholeNumber),
    )
    .addOption(
      new Option(
        '--on-suspect <what>',
        'if a transcript can hardly be what was said (text over silence, a loop, an early end): retry once with other options of the engine and keep the better one, or keep it',
      )
        .choices(ON_SUSPECT)
        .env('TMON_ON_SUSPECT')
        .default('retry'),
    )
    .addOption(
      new Option('--work-dir <path>', "for temporary audio files (default: in the system's temporary directory)").env(
        'TMON_WORK_DIR',
      ),
    )
    .addOption(
      new Option('--instance-id <id>', 'id of the machine (default: the EC2 instance, or the host name)')
        .env('TMON_INSTANCE_ID')
        .default(machineId()),
    )
    .addOption(new Option('--region <region>').env('TMON_REGION'))
    .addOption(new Option('--availability-zone <zone>').env('TMON_AVAILABILITY_ZONE'))
    .addOption(
      new Option('--instance-type <type>', 'type of the machine, for example g4dn.xlarge').env('TMON_INSTANCE_TYPE'),
    )
    .addOption(
      new Option('--hourly-price <usd>', 'price of the machine per hour').env('TMON_HOURLY_PRICE').argParser(amount),
    )
    .addOption(
      new Option('--transport <way>', 'one request per report, or all over one WebSocket')
        .choices(['http', 'websocket'])
        .env('TMON_TRANSPORT')
        .default('http'),
    )
    .addOption(
      new Option('--allow-http', 'fetch recordings at http:// too: for recorders in a trusted network without TLS').env(
        'TMON_ALLOW_HTTP',
      ),
    )
    .addOption(
      new Option(
        '--stall-timeout <time>',
        'kill an engine without progress for so long: 5m, or off (default: by its pace, at least 2 minutes)',
      )
        .env('TMON_STALL_TIMEOUT')
        .argParser(stallTimeout),
    )
    .addOption(
      new Option('--job-timeout <time>', 'kill an engine that takes longer for a job: 2h, or 10x the recording')
        .env('TMON_JOB_TIMEOUT')
        .argParser(jobTimeout),
    )
    .addOption(
      new Option('--defaults <options>', 'of jobs that do not say: language=de&word_timestamps=true')
        .env('TMON_DEFAULTS')
        .default(''),
    )
    .option('--tag <tag>', 'what jobs may require of it: eu; repeatable', collect)
    .option('--supervised', 'run by a supervisor: exit with code 75 to be restarted')
    .addHelpText('after', SIGNALS_HELP)
    .action(work);
}

async function work(options: WorkerCommandOptions): Promise<void> {
  const log = options.json ? logJson : logText;
  const { watchNotices } = await import('../agent/notices/watch-notices.ts');
  // Begins before the engine is looked for, so that a machine that is about to end claims nothing.
  const notices = watchNotices(process.env, log);
  try {
    await workUntilEnd(options, log, notices);
  } finally {
    notices?.stop();
  }
}

async function workUntilEnd(
  options: WorkerCommandOptions,
  log: (line: WorkerLine) => void,
  notices: Notices | undefined,
): Promise<void> {
  const [{ prepareEngine }, { readDefaults }, { createHealthReader }, { openWorkDirectory }, { runWorker }] =
    await Promise.all([
      import('../agent/engines/choose-engine.ts'),
      import('../agent/job-defaults.ts'),
      import('../agent/health.ts'),
      import('../agent/work-directory.ts'),
      import('../agent/worker.ts'),
    ]);
  const { engine, capabilities } = await prepareEngine(options.engine, Math.max(1, options.maxJobs));
  log({ message: 'engine', engine: engine.name, ...capabilities });

  const directory = await openWorkDirectory(options.workDir);
  const spans = await openTraces(log);
  const { drainSignal, stopSignal } = onSignals(log);
  const location = locationOf(options);
  const workerId = options.id ?? `worker-${ulid()}`;
  try {
    const defaults = readDefaults(options.defaults, engine);
    for (;;) {
      const api = clientOf(options, { transport: options.transport });
      const end = await runWorker({
        api,
        engine,
        workerId,
        instance_id: options.instanceId,
        capabilities: {
          ...capabilities,
          options: [...(engine.options ?? [])],
          ...languagesOf(capabilities.model),
          ...(options.tag === undefined ? {} : { tags: options.tag }),
        },
        defaults,
        ...(location === undefined ? {} : { location }),
        maxJobs: Math.max(1, options.maxJobs),
        allowHttp: options.allowHttp === true,
        workDirectory: directory.path,
        onSuspect: options.onSuspect,
        readHealth: createHealthReader({ directory: directory.path, visible_gpus: process.env.CUDA_VISIBLE_DEVICES }),
        limits: limitsOf(options),
        drainSignal,
        stopSignal,
        notices,
        spans,
        log,
      }).finally(() => api.close());
      if (end !== 'restart') return;
      if (options.supervised) {
        process.exitCode = EXIT.restart;
        return;
      }
    }
  } finally {
    await engine.close?.();
    await spans?.close();
    await directory.remove();
  }
}

/** Undefined unless traces are to be sent. The packages are loaded only then. */
async function openTraces(log: (line: WorkerLine) => void): Promise<SpanExport | undefined> {
  if (!tracesWanted(process.env)) return undefined;
  try {
    const { openSpanExport } = await import('../tracing/open-span-export.ts');
    const service = 'transcription-worker';
    return await openSpanExport({ service, log: (message) => log({ message }) });
  } catch (error) {
    log({ message: 'no traces are sent', error: String(error) });
    return undefined;
  }
}

function onSignals(log: (line: WorkerLine) => void): { drainSignal: AbortSignal; stopSignal: AbortSignal } {
  const drain = new AbortController();
  const stop = new AbortController();
  let drained_ms = 0;
  const onSignal = (name: NodeJS.Signals) => {
    // Under npx, one Ctrl-C arrives twice: from the terminal, and forwarded by npm.
    if (name === 'SIGINT' && drain.signal.aborted && performance.now() - drained_ms < SAME_KEY_MS) return;
    // The third exits even if something hangs; engines end with the process.
    if (stop.signal.aborted) process.exit(name === 'SIGINT' ? 130 : 143);
    if (drain.signal.aborted) return stop.abort();
    log({ message: `${name}: finishing the current jobs; repeat to stop at once` });
    drained_ms = performance.now();
    drain.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return { drainSignal: drain.signal, stopSignal: stop.signal };
}

function stallTimeout(value: string): NonNullable<EngineLimits['stall_ms']> {
  const limit = readStallTimeout(value);
  if (limit == null) throw new InvalidArgumentError(`Must be ${STALL_TIMEOUT_HINT}.`);
  return limit;
}

function jobTimeout(value: string): NonNullable<EngineLimits['job']> {
  const limit = readJobTimeout(value);
  if (limit == null) throw new InvalidArgumentError(`Must be ${JOB_TIMEOUT_HINT}.`);
  return limit;
}

const limitsOf = ({ stallTimeout: stall_ms, jobTimeout: job }: WorkerCommandOptions): EngineLimits => ({
  ...(stall_ms === undefined ? {} : { stall_ms }),
  ...(job === undefined ? {} : { job }),
});

function locationOf({
  region,
  availabilityZone,
  instanceType,
  hourlyPrice,
}: WorkerCommandOptions): Location | undefined {
  const location: Location = {
    ...(region === undefined ? {} : { region }),
    ...(availabilityZone === undefined ? {} : { availability_zone: availabilityZone }),
    ...(instanceType === undefined ? {} : { instance_type: instanceType }),
    ...(hourlyPrice === undefined ? {} : { spot_price: hourlyPrice }),
  };
  return Object.keys(location).length === 0 ? undefined : location;
}

function logJson(line: WorkerLine): void {
  note(JSON.stringify({ time: new Date().toISOString(), ...line }));
}

/** `2025-07-07T19:35:00.123Z completed job_id=job-1 attempt=1 seconds=3.2` */
function logText({ message, ...details }: WorkerLine): void {
  const words = Object.entries(details).map(([name, value]) => `${name}=${wordOf(value)}`);
  note([new Date().toISOString(), oneLine(message), ...words].join(' '));
}

function wordOf(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  return /^[\w.:/@%+-]+$/.test(text) ? text : JSON.stringify(text);
}
