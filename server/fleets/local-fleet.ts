/**
 * Workers as child processes of the monitor: `local:ENGINE`, for a single machine and for evaluation.
 *
 *     launched → (exit 75: a restart was requested) → launched again
 *              → (any other exit) gone; the worker has reported it, or the monitor detects its silence
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { ownProgram } from '../../installation/own-files.ts';
import { MonitorError } from '../../protocol/errors.ts';
import type { WorkerLaunch } from '../../protocol/worker.ts';
import { type Clock, sleep } from '../clock.ts';
import type { Fleet, Instance, InstanceListing, Member } from './fleet.ts';

const COMMAND = ownProgram('../../cli/main', import.meta.url);
/** The worker requests a restart (EX_TEMPFAIL). */
const RESTART_EXIT = 75;
const RESTART_EXIT_MS = 15_000;
const DRAINS_MS = 200;
const STOPS_MS = 5_000;

export type LocalFleetOptions = {
  clock: Clock;
  /** The monitor's URL for the workers. */
  serverUrl: () => string;
  /** The environment for the process of a worker. Default: ours. */
  environmentOf?: (worker_id: string) => Record<string, string | undefined>;
  /** Their engine; `auto` selects the best one found on this machine. */
  engine: string;
  log: (level: 'info' | 'warn', message: string) => void;
};

/** `gone` aborts when the process has exited. */
type Child = { process: ChildProcess; launch: WorkerLaunch; launched_ms: number; gone: AbortSignal };

export class LocalFleet implements Fleet {
  readonly machines = { replaces: false };
  readonly #options: LocalFleetOptions;
  readonly #children = new Map<string, Child>();
  /** Processes that are stopping. */
  readonly #ending = new Set<Promise<void>>();
  #closed = false;

  constructor(options: LocalFleetOptions) {
    this.#options = options;
  }

  assertLaunches(): void {
    if (this.#closed) throw new MonitorError('unavailable', 'stopping', 'the monitor is stopping');
  }

  /** Workers name the machine when they register, so the process is not named here. */
  async launch(worker_id: string, launch: WorkerLaunch): Promise<null> {
    this.assertLaunches();
    if (this.#children.has(worker_id)) return null;
    const { serverUrl, engine, log, clock, environmentOf } = this.#options;
    const args = [COMMAND, 'worker', '--server', serverUrl(), '--id', worker_id, '--engine', engine, '--supervised'];
    const environment = environmentOf ? { env: environmentOf(worker_id) } : {};
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'], ...environment });
    const gone = new AbortController();
    this.#children.set(worker_id, { process: child, launch, launched_ms: clock.now(), gone: gone.signal });
    child.once('exit', (code) => {
      gone.abort();
      if (this.#children.get(worker_id)?.process !== child) return;
      this.#children.delete(worker_id);
      if (code === RESTART_EXIT) this.#launchAgain(worker_id, launch);
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (cause) => {
        gone.abort();
        this.#children.delete(worker_id);
        reject(
          new MonitorError('unavailable', 'launch_failed', `the worker process did not start: ${cause.message}`, {
            cause,
          }),
        );
      });
    });
    log('info', `launched ${worker_id} as process ${child.pid}`);
    return null;
  }

  async restart({ worker_id }: Member): Promise<boolean> {
    const child = this.#children.get(worker_id);
    if (!child) return false;
    void this.#killIfHung(worker_id, child);
    return true;
  }

  async terminate({ worker_id }: Member): Promise<boolean> {
    const child = this.#children.get(worker_id);
    if (!child) return false;
    this.#children.delete(worker_id);
    await this.#end(child);
    return true;
  }

  get listing(): InstanceListing {
    return {
      region: null,
      isInstanceId: (instance_id) => /^process-\d+$/.test(instance_id),
      list: async () => [...this.#children].map(([worker_id, child]) => instanceOf(worker_id, child)),
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#ending, ...[...this.#children.values()].map((child) => this.#end(child))]);
  }

  async #end(child: Child): Promise<void> {
    const ended = end(child, this.#options.clock);
    this.#ending.add(ended);
    await ended.finally(() => this.#ending.delete(ended));
  }

  /** The response to its next heartbeat makes the worker hand back its jobs and exit. A worker that hangs is killed. */
  async #killIfHung(worker_id: string, child: Child): Promise<void> {
    await sleep(this.#options.clock, RESTART_EXIT_MS, child.gone);
    if (child.gone.aborted || this.#closed || this.#children.get(worker_id) !== child) return;
    child.gone.addEventListener('abort', () => this.#launchAgain(worker_id, child.launch), { once: true });
    child.process.kill('SIGKILL');
  }

  #launchAgain(worker_id: string, launch: WorkerLaunch): void {
    if (this.#closed) return;
    this.#children.delete(worker_id);
    this.launch(worker_id, launch).catch((error: Error) =>
      this.#options.log('warn', `could not restart ${worker_id}: ${error.message}`),
    );
  }
}

const instanceOf = (worker_id: string, { process, launched_ms }: Child): Instance => ({
  instance_id: `process-${process.pid}`,
  worker_id,
  state: 'running',
  ours: true,
  launched_ms,
  location: {},
});

/** The first SIGTERM drains, the second stops, SIGKILL ends a process that ignores both. */
async function end({ process, gone }: Child, clock: Clock): Promise<void> {
  process.kill('SIGTERM');
  await sleep(clock, DRAINS_MS, gone);
  if (!gone.aborted) process.kill('SIGTERM');
  await sleep(clock, STOPS_MS, gone);
  if (gone.aborted) return;
  process.kill('SIGKILL');
  await new Promise<void>((resolve) => gone.addEventListener('abort', () => resolve(), { once: true }));
}
