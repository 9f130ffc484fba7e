/**
 * A server under measurement: a separate process on a free port of 127.0.0.1, with its own empty directory on the same
 * disk as all the others.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';

export type RunningServer = {
  /** The address for its clients. */
  url: string;
  pid: number;
  /** Seconds of CPU that it has used so far, children included. */
  cpuSeconds(): number;
  /** Stops it while others are measured: its deferred work is then done in its own time. */
  pause(): void;
  resume(): void;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
};

export type StartServer = (folder: string) => Promise<RunningServer>;

/** A new folder in `parent` for the time of `use`, or of this process if that ends first. */
export async function inFolder<T>(parent: string, use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(parent, 'tmon-bench-'));
  const remove = () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  process.once('exit', remove);
  try {
    return await use(folder);
  } finally {
    process.off('exit', remove);
    remove();
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== 'object' || address === null) throw new Error('no free port');
  return address.port;
}

export type OwnProcess = {
  pid: number;
  pause(): void;
  resume(): void;
  /** Its output so far, of both streams. */
  output(): string;
  stop(signal?: NodeJS.Signals): Promise<void>;
};

/** A program as a RunningServer. */
export function served(program: OwnProcess, url: string): RunningServer {
  const { pid, pause, resume } = program;
  return { url, pid, cpuSeconds: () => cpuSecondsOf(pid), pause, resume, stop: () => program.stop() };
}

/** Starts a program; it is ended with us in every case. */
export function startProgram(
  program: string,
  options: { arguments: string[]; cwd?: string; env?: NodeJS.ProcessEnv; uid?: number; gid?: number },
): OwnProcess {
  const { arguments: parameters, cwd, env, uid, gid } = options;
  const child: ChildProcess = spawn(program, parameters, {
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(cwd === undefined ? {} : { cwd }),
    ...(env === undefined ? {} : { env }),
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
  });
  let output = '';
  const hear = (bytes: Buffer) => {
    output = (output + bytes).slice(-20_000);
  };
  child.stdout?.on('data', hear);
  child.stderr?.on('data', hear);
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', (error) => {
      output += String(error);
      resolve();
    });
  });
  const kill = () => child.kill('SIGKILL');
  // Before the folders, which were created first, are removed.
  process.prependOnceListener('exit', kill);
  return {
    pid: child.pid ?? 0,
    pause: () => child.kill('SIGSTOP'),
    resume: () => child.kill('SIGCONT'),
    output: () => output,
    async stop(signal = 'SIGTERM') {
      child.kill('SIGCONT');
      child.kill(signal);
      const late = setTimeout(kill, 20_000);
      await ended;
      clearTimeout(late);
      process.off('exit', kill);
    },
  };
}

/** Polls until it responds. Throws with the program's output if it does not within 30 s. */
export async function untilReady(program: OwnProcess, ready: () => Promise<boolean>): Promise<void> {
  for (const until = performance.now() + 30_000; performance.now() < until; ) {
    if (await ready().catch(() => false)) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await program.stop('SIGKILL');
  throw new Error(`it did not start: ${program.output().trim()}`);
}

/** Seconds of CPU of a process and of the children it has waited for; 0 if the system does not report it. */
export function cpuSecondsOf(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / 100;
  } catch {
    return 0;
  }
}

/** The live processes that `pid` has started. */
export function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return text === '' ? [] : text.split(' ').map(Number);
  } catch {
    return [];
  }
}

/** Resident memory of a process; NaN if the system does not report it. */
export function residentBytes(pid: number): number {
  try {
    const found = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return Number(found?.[1]) * 1024;
  } catch {
    return Number.NaN;
  }
}
