/**
 * A private database server for a test: in a temporary directory, on a free port of 127.0.0.1, ended by its own pid.
 */
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { systemClock } from '../../server/clock.ts';

export type DatabaseServer = {
  /** URL of an existing database, with a user that has all rights in it. */
  url: string;
  /** Creates an empty database of this name; returns its URL. */
  database(name: string): Promise<string>;
  /** Stops it in order and removes its data. */
  stop(): Promise<void>;
  /** Kills it, like a crash; `start` brings it back on the same port with its data. */
  kill(): Promise<void>;
  start(): Promise<void>;
};

export type DatabaseProgram = {
  program: string;
  arguments: readonly string[];
  /** Printed once it accepts connections. */
  ready: RegExp;
  /** Signal for a fast shutdown in order. */
  end: NodeJS.Signals;
};

/** Both servers refuse to run as root, so they run as another user. */
export type ServerUser = { uid: number; gid: number };

const READY_WITHIN_MS = 60_000;

/** A directory that the server's user owns. */
export async function databaseDirectory(user: ServerUser | undefined): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'tmon-db-'));
  if (user) await chown(directory, user.uid, user.gid);
  // Removes the directory even if the test runner ends early.
  process.once('exit', () => rmSync(directory, { recursive: true, force: true, maxRetries: 5 }));
  return directory;
}

export const removeDirectory = (directory: string): Promise<void> =>
  rm(directory, { recursive: true, force: true, maxRetries: 5 });

/** The first of these users that exists, if we are root. */
export function serverUser(names: readonly string[]): ServerUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of [...names, 'nobody']) {
    try {
      const id = (flag: string) => Number(execFileSync('id', [flag, name], { stdio: ['ignore', 'pipe', 'ignore'] }));
      return { uid: id('-u'), gid: id('-g') };
    } catch {
      // No such user.
    }
  }
  throw new Error('a database server does not run as root, and no other user exists, not even nobody');
}

/** Runs a program to its end; throws with its output. */
export async function runProgram(
  program: string,
  arguments_: readonly string[],
  options: { cwd: string; uid?: number; gid?: number },
): Promise<void> {
  try {
    await promisify(execFile)(program, arguments_, { ...options, timeout: READY_WITHIN_MS });
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`${program} failed: ${(error as Error).message}\n${stdout}${stderr}`, { cause: error });
  }
}

export type RunningProgram = {
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** Sends a signal without waiting. */
  signal(name: NodeJS.Signals): void;
};

/** Starts it and waits until it accepts connections; it is killed with us in every case. */
export async function startProgram(
  { program, arguments: arguments_, ready, end }: DatabaseProgram,
  options: { cwd: string; uid?: number; gid?: number },
): Promise<RunningProgram> {
  const child = spawn(program, arguments_, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  const kill = () => child.kill('SIGKILL');
  // Before the directory is removed.
  process.prependOnceListener('exit', kill);
  const closed = once(child, 'close');
  closed.catch(() => {}); // Reported by `ready`, below.
  let output = '';
  let late = () => {};
  const isReady = new Promise<void>((resolve, reject) => {
    const hear = (bytes: Buffer) => {
      output = (output + bytes).slice(-20_000);
      if (ready.test(output)) resolve();
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    closed.then(() => reject(new Error('it ended')), reject);
    late = systemClock.after(READY_WITHIN_MS, () => reject(new Error(`not ready within ${READY_WITHIN_MS} ms`)));
  });
  const stop = async (signal = end) => {
    process.off('exit', kill);
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
    const cancel = systemClock.after(20_000, kill);
    child.kill(signal);
    await closed;
    cancel();
  };
  try {
    await isReady;
    return { stop, signal: (name) => void child.kill(name) };
  } catch (error) {
    await stop('SIGKILL');
    throw new Error(`${program} did not start: ${(error as Error).message}\n${output}`, { cause: error });
  } finally {
    late();
  }
}
