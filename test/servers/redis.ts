/** A real Redis for a test: in a temporary directory, on a free port of 127.0.0.1, ended by its own pid. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from 'redis';
import type { Cleaning } from '../processes/tmon.ts';
import { type RunningProgram, startProgram } from './database.ts';
import { freePort } from './start.ts';

const PLACES = ['/usr/bin/redis-server', '/usr/local/bin/redis-server', '/usr/bin/valkey-server'];

/** undefined if it is not installed: Debian's package `redis-server`. */
export const findRedis = (): string | undefined => PLACES.find((place) => existsSync(place));

export type TestRedis = {
  url: string;
  port: number;
  /** Ends it in order; what it held is lost, as in a cache. */
  stop(): Promise<void>;
  /** Stops and continues the process, which accepts connections meanwhile without responding. */
  suspend(): void;
  resume(): void;
  /** On the same port, empty. */
  start(): Promise<void>;
  /** A client of the test's own, closed before the server. */
  client(options?: { password?: string; database?: number }): Promise<RedisClient>;
};

const clientOf = (url: string, options: { password?: string; database?: number } = {}) =>
  createClient({ url, RESP: 2, socket: { reconnectStrategy: false }, ...options });
export type RedisClient = ReturnType<typeof clientOf>;

/** `settings`: as in redis.conf. Stopped with the test. */
export async function startRedis(t: Cleaning, settings: Record<string, string> = {}): Promise<TestRedis> {
  const program = findRedis();
  if (program === undefined)
    throw new Error('redis-server is not installed: test/setup (npm test) installs it as root');
  const directory = await mkdtemp(join(tmpdir(), 'tmon-redis-'));
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  const options = { port, bind: '127.0.0.1', dir: directory, save: '', appendonly: 'no', ...settings };
  const clients: RedisClient[] = [];
  let running: RunningProgram | undefined;
  const start = async () => {
    running = await startProgram(
      {
        program,
        arguments: Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]),
        ready: /Ready to accept connections/,
        end: 'SIGTERM',
      },
      { cwd: directory },
    );
  };
  const stop = async () => running?.stop();
  t.after(async () => {
    for (const client of clients) if (client.isOpen) client.destroy();
    running?.signal('SIGCONT');
    await stop();
    await rm(directory, { recursive: true, force: true });
  });
  await start();
  return {
    url,
    port,
    stop,
    start,
    suspend: () => running?.signal('SIGSTOP'),
    resume: () => running?.signal('SIGCONT'),
    async client(options) {
      const client = clientOf(url, options);
      client.on('error', () => {});
      clients.push(client);
      await client.connect();
      return client;
    },
  };
}
