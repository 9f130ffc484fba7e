/** A monitor whose turns of the event loop are measured from inside, by a module that its process loads first. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { serveArguments } from './monitor.ts';
import { freePort } from './server.ts';
import type { Turns } from './turns.ts';

const HERE = fileURLToPath(new URL('../..', import.meta.url));
const PROBE = new URL('turns.ts', import.meta.url).href;

export async function startWatchedMonitor(
  folder: string,
  { checkout = HERE, settings = [] }: { checkout?: string; settings?: readonly string[] } = {},
) {
  const url = `http://127.0.0.1:${await freePort()}`;
  const child = fork(resolve(checkout, 'cli/main.ts'), serveArguments(folder, url, settings), {
    execArgv: ['--import', PROBE],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  process.once('exit', () => child.kill('SIGKILL'));
  const ask = async (what: 'reset' | 'report'): Promise<Turns> => {
    const answer = once(child, 'message');
    child.send(what);
    return (await answer)[0] as Turns;
  };
  while (!(await fetch(`${url}/readyz`).catch(() => null))?.ok) {
    if (child.exitCode !== null) throw new Error('the monitor has ended');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    url,
    reset: () => ask('reset'),
    turns: () => ask('report'),
    async stop() {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    },
  };
}
