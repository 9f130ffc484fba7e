/** The demo's worker: `tmon worker` as a child process, which ends with the demo however the demo ends. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { startGuardian } from '../../agent/guardian.ts';
import { ownProgram } from '../../installation/own-files.ts';
import { CommandError, EXIT } from '../exit-code.ts';

const MAIN = ownProgram('../main', import.meta.url);
const STOP_MS = 8_000;

export type DemoWorker = {
  id: string;
  pid: number | undefined;
  /** Rejects if it exits before it was stopped or killed. */
  died: Promise<never>;
  /** Resolves when it has exited. */
  stop(): Promise<void>;
  /** Kills it, like a crash of the machine. */
  kill(): void;
};

export function startDemoWorker({ server, engine, id }: { server: string; engine: string; id: string }): DemoWorker {
  const args = [MAIN, 'worker', '--server', server, '--engine', engine, '--id', id];
  // In its own process group, so that Ctrl-C reaches only the demo, which then stops the worker in order.
  const guardian = startGuardian();
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...guardian.environment },
    detached: true,
  });
  if (child.pid !== undefined) guardian.watch(child.pid);
  let lastLine = '';
  let stopping = false;
  createInterface(child.stderr).on('line', (line) => {
    lastLine = line;
    // Sent only now, because two signals at once could be merged into one.
    if (stopping && line.includes('repeat to stop at once')) child.kill('SIGTERM');
  });
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  const died = ended.then((code) => {
    if (stopping) return new Promise<never>(() => {});
    throw new CommandError(
      EXIT.failed,
      `the worker exited with ${code}: ${lastLine}`,
      `Run it alone: tmon worker --engine '${engine}'`,
    );
  });
  // Without this, a rejection nobody awaits would be unhandled.
  died.catch(() => {});
  return {
    id,
    pid: child.pid,
    died,
    async stop() {
      stopping = true;
      // The first signal asks it to finish its job; the second, sent once it confirms, to release it.
      child.kill('SIGTERM');
      const patience = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
      await ended;
      clearTimeout(patience);
      guardian.release();
    },
    kill() {
      stopping = true;
      child.kill('SIGKILL');
    },
  };
}
