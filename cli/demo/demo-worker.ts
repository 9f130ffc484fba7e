/** The demo's worker: `tmon worker` as a process of its own, that ends with the demo however the demo ends. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { guardGroup } from '../../agent/guardian.ts';
import { CommandError, EXIT } from '../exit-code.ts';

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));
const STOP_MS = 8_000;

export type DemoWorker = {
  pid: number | undefined;
  /** Rejects when it ends before it was told to. */
  died: Promise<never>;
  /** Resolves when it is gone. */
  stop(): Promise<void>;
};

export function startDemoWorker({ server, engine }: { server: string; engine: string }): DemoWorker {
  const args = [MAIN, 'worker', '--server', server, '--engine', engine, '--id', 'demo-worker'];
  // In a group of its own Ctrl-C reaches the demo alone, which then stops the worker in order.
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'], detached: true });
  const release = child.pid === undefined ? () => {} : guardGroup(child.pid);
  let lastLine = '';
  let stopping = false;
  createInterface(child.stderr).on('line', (line) => {
    lastLine = line;
    // It has heard the first; two at once could be taken for one.
    if (stopping && line.includes('once more to stop at once')) child.kill('SIGTERM');
  });
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  const died = ended.then((code) => {
    if (stopping) return new Promise<never>(() => {});
    throw new CommandError(
      EXIT.failed,
      `the worker ended with ${code}: ${lastLine}`,
      `Try it alone: tmon worker --engine ${engine}`,
    );
  });
  // Whoever races it hears of it; without a racer it's no unhandled rejection.
  died.catch(() => {});
  return {
    pid: child.pid,
    died,
    async stop() {
      stopping = true;
      // The first asks it to finish what is at hand; the second, sent when it says so, to hand it back.
      child.kill('SIGTERM');
      const patience = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
      await ended;
      clearTimeout(patience);
      release();
    },
  };
}
