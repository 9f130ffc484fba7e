/**
 * Workers as child processes of the monitor, on its own machine: `local:ENGINE`, for one machine and for trying out.
 *
 *     launched → (exit 75: it was told to restart) → launched again
 *              → (any other exit) gone; the monitor notices by its silence, or was told by the worker itself
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { MonitorError } from '../../protocol/errors.ts';
import type { WorkerLaunch } from '../../protocol/worker.ts';
import { type Clock, sleep } from '../clock.ts';
import type { Fleet } from './fleet.ts';

const COMMAND = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
/** The worker asks to be started again (EX_TEMPFAIL). */
const RESTART_EXIT = 75;
const GOES_BY_ITSELF_MS = 15_000;

export type LocalFleetOptions = {
  clock: Clock;
  /** Where the workers reach the monitor. */
  serverUrl: () => string;
  /** What they run; `auto` is the best engine found on this machine. */
  engine: string;
  log: (level: 'info' | 'warn', message: string) => void;
};

export class LocalFleet implements Fleet {
  readonly #options: LocalFleetOptions;
  readonly #children = new Map<string, { process: ChildProcess; launch: WorkerLaunch; exited: Promise<void> }>();
  #closed = false;

  constructor(options: LocalFleetOptions) {
    this.#options = options;
  }

  async launch(worker_id: string, launch: WorkerLaunch): Promise<void> {
    if (this.#closed) throw new MonitorError('unavailable', 'stopping', 'the monitor is stopping');
    const { serverUrl, engine, log } = this.#options;
    const args = [COMMAND, 'worker', '--server', serverUrl(), '--id', worker_id, '--engine', engine];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (cause) =>
        reject(
          new MonitorError('unavailable', 'launch_failed', `the worker process did not start: ${cause.message}`, {
            cause,
          }),
        ),
      );
    });
    this.#children.set(worker_id, { process: child, launch, exited });
    child.once('exit', (code) => {
      if (this.#children.get(worker_id)?.process === child) this.#children.delete(worker_id);
      if (this.#closed || code !== RESTART_EXIT) return;
      this.launch(worker_id, launch).catch((error: Error) =>
        log('warn', `${worker_id} was not restarted: ${error.message}`),
      );
    });
    log('info', `launched ${worker_id} as process ${child.pid}`);
  }

  async restart(worker_id: string): Promise<boolean> {
    const child = this.#children.get(worker_id);
    if (!child) return false;
    // Its next heartbeat tells it to hand its jobs back and exit; one that is too hung to hear is killed.
    void Promise.race([child.exited.then(() => true), sleep(this.#options.clock, GOES_BY_ITSELF_MS)]).then((gone) => {
      if (gone || this.#closed || this.#children.get(worker_id) !== child) return;
      child.process.kill('SIGKILL');
      void child.exited.then(() => this.launch(worker_id, child.launch)).catch(() => undefined);
    });
    return true;
  }

  async terminate(worker_id: string): Promise<boolean> {
    const child = this.#children.get(worker_id);
    if (!child) return false;
    this.#children.delete(worker_id);
    await end(child, this.#options.clock);
    return true;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#children.values()].map((child) => end(child, this.#options.clock)));
  }
}

/** The first SIGTERM drains, the second stops; SIGKILL for what hears neither. */
async function end(child: { process: ChildProcess; exited: Promise<void> }, clock: Clock): Promise<void> {
  child.process.kill('SIGTERM');
  await Promise.race([child.exited, sleep(clock, 200)]);
  child.process.kill('SIGTERM');
  await Promise.race([child.exited, sleep(clock, 5_000)]);
  child.process.kill('SIGKILL');
  await child.exited;
}
