/** `tmon worker`: runs a worker until it is drained or terminated. */
import type { Command } from 'commander';
import { ulid } from 'ulidx';
import type { EngineLimits } from '../agent/engines/engine.ts';
import type { Notices } from '../agent/notices/notice.ts';
import type { WorkerLine } from '../agent/worker.ts';
import type { Location } from '../protocol/worker.ts';
import { tracesWanted } from '../server/config.ts';
import type { SpanExport } from '../tracing/span.ts';
import { EXIT } from './exit-code.ts';
import { clientCommand, clientOf } from './options.ts';
import { note, oneLine } from './output.ts';
import { workerDoctorCommand } from './worker-doctor/command.ts';
import { enginesHelp, type WorkerCommandOptions, withWorkerOptions } from './worker-options.ts';

/** A model that is for English alone says so in its name. */
const languagesOf = (model: string): { languages?: string[] } => (/\.en$/.test(model) ? { languages: ['en'] } : {});

const SAME_KEY_MS = 500;

const SIGNALS_HELP = `
The first SIGTERM or Ctrl-C drains: the job at hand is finished. The second stops at once and hands the job back.
Whatever ends the worker, kill -9 too, ends its engine with it.

A spot interruption notice of EC2 drains too, and hands back in time what can't be finished before the machine ends.
AWS_EC2_METADATA_DISABLED=true turns this off.`;

export function workerCommand(): Command {
  return withWorkerOptions(clientCommand('worker'))
    .description('Run a worker: claim jobs, fetch the audio, transcribe it, report.')
    .enablePositionalOptions()
    .addHelpText('after', `${enginesHelp()}\n${SIGNALS_HELP}`)
    .addCommand(workerDoctorCommand())
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
