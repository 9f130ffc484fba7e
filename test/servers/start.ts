/** Starts a server for a test on a free port of 127.0.0.1, waits until it responds, and ends it by its own pid. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { sleep, systemClock } from '../../server/clock.ts';

export type TestServer = { endpoint: string; stop(): Promise<void> };

export type ServerCommand = {
  command: string;
  args: (port: number) => string[];
  env?: Record<string, string>;
  /** Polled until it responds with any HTTP status. */
  path?: string;
};

const READY_WITHIN_MS = 60_000;

export async function startServer(server: ServerCommand): Promise<TestServer> {
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const child = spawn(server.command, server.args(port), {
    env: { ...process.env, ...server.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  // Ends the servers even if the test runner ends early.
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString('utf8')).slice(-4000);
    });
  }
  const stop = async () => {
    process.off('exit', kill);
    await end(child);
  };
  const gone = once(child, 'close').then(() => {
    throw new Error(`${server.command} ended before it responded:\n${output}`);
  });
  try {
    await Promise.race([gone, responds(`${endpoint}${server.path ?? '/'}`)]);
    gone.catch(() => {}); // From here on the test itself ends it.
    return { endpoint, stop };
  } catch (error) {
    gone.catch(() => {});
    await stop();
    throw new Error(`${server.command} did not start: ${(error as Error).message}\n${output}`, { cause: error });
  }
}

async function responds(url: string): Promise<void> {
  const giveUpAt = systemClock.monotonic() + READY_WITHIN_MS;
  for (;;) {
    try {
      await (await fetch(url, { signal: AbortSignal.timeout(2000) })).arrayBuffer();
      return;
    } catch (error) {
      if (systemClock.monotonic() > giveUpAt) throw error;
      await sleep(systemClock, 25);
    }
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const closed = once(child, 'close');
  const cancel = systemClock.after(5000, () => child.kill('SIGKILL'));
  child.kill('SIGTERM');
  await closed;
  cancel();
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
