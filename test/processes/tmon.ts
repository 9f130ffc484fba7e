/** The command line for tests: real processes, ended by their own pid, waited for by their output. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { TranscriptionAPI } from '../../sdk/typescript/index.ts';

const MAIN = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
/** The programs compiled, so that the hundreds that tests start take half the time to start. */
const COMPILED = fileURLToPath(new URL('../../.cache/compiled/', import.meta.url));

/** A test's context, or `{ after }` of node:test for a whole file. */
export type Cleaning = { after(run: () => void | Promise<void>): void };

export type Ended = { code: number | null; signal: NodeJS.Signals | null; stdout: string; stderr: string };

/** `node`: another than the one that runs the test. */
export type StartOptions = { environment?: Record<string, string>; directory?: string; node?: string };

export type Program = ChildProcess & { ended: Promise<Ended>; line(pattern: RegExp): Promise<RegExpExecArray> };

/** Starts `tmon …`; killed at the end of the test. */
export function startTmon(t: Cleaning, args: readonly string[], options: StartOptions = {}): Program {
  return startNode(t, [MAIN, ...args], options);
}

/** Starts one of our programs; killed at the end of the test. */
export function startNode(
  t: Cleaning,
  args: readonly string[],
  { node = process.execPath, ...options }: StartOptions = {},
): Program {
  return startProgram(t, node, args, options);
}

/** Starts any program; killed at the end of the test. */
export function startProgram(
  t: Cleaning,
  program: string,
  args: readonly string[],
  { environment = {}, directory }: Omit<StartOptions, 'node'> = {},
): Program {
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    // No worker of a test looks for notices about the machine that the tests run on.
    env: {
      ...process.env,
      NO_COLOR: '1',
      NODE_COMPILE_CACHE: COMPILED,
      AWS_EC2_METADATA_DISABLED: 'true',
      ...environment,
    },
    ...(directory === undefined ? {} : { cwd: directory }),
  });
  let stdout = '';
  let stderr = '';
  const lines: string[] = [];
  const listeners = new Set<() => void>();
  child.stdout.on('data', (bytes: Buffer) => {
    stdout += bytes;
  });
  child.stderr.on('data', (bytes: Buffer) => {
    stderr += bytes;
  });
  for (const stream of [child.stdout, child.stderr]) {
    createInterface(stream).on('line', (line) => {
      lines.push(line);
      for (const listener of listeners) listener();
    });
  }
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal, stdout, stderr }) as Ended);
  t.after(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await ended;
  });

  /** The first matching line, past or future. Rejects if the process ends without one. */
  const line = (pattern: RegExp) =>
    new Promise<RegExpExecArray>((resolve, reject) => {
      const look = () => {
        const found = lines.map((one) => pattern.exec(one)).find((match) => match !== null);
        if (found) {
          listeners.delete(look);
          resolve(found);
        }
      };
      listeners.add(look);
      look();
      void ended.then((end) => reject(new Error(`ended without ${pattern}: ${JSON.stringify(end)}`)));
    });
  return Object.assign(child, { ended, line });
}

/** Runs `tmon …` to its end. */
export function runTmon(t: Cleaning, args: readonly string[], options: StartOptions = {}): Promise<Ended> {
  return startTmon(t, args, options).ended;
}

export type TestMonitor = {
  url: string;
  api: TranscriptionAPI;
  /** The folder of its store, unless the settings name another store. */
  directory: string;
  /** Stops it in order. */
  stop(): Promise<Ended>;
  /** Kills it, like a crash. */
  kill(): Promise<void>;
  /** Starts it again on the same store and port. */
  restart(): Promise<void>;
};

/** A monitor on a free port with the given settings, on its own directory unless they name a store. */
export async function startTestMonitor(
  t: Cleaning,
  settings: Record<string, string | number> = {},
  environment: Record<string, string> = {},
): Promise<TestMonitor> {
  const store = mkdtempSync(join(tmpdir(), 'tmon-store-'));
  const defaults = { store: `dir:${store}`, fleet: 'none:', log_level: 'warn', retry_base_ms: 1 };
  const options = Object.entries({ ...defaults, ...settings });
  const start = async (listen: string) => {
    const given = options.flatMap(([name, value]) => [`--${name.replaceAll('_', '-')}`, String(value)]);
    const args = ['serve', '--json', '--listen', listen, ...given];
    const child = startTmon(t, args, { environment });
    const [, url = ''] = await child.line(/^\{"url":"([^"]+)"/);
    return { child, url };
  };
  let running = await start('127.0.0.1:0');
  const { url } = running;
  const kill = async () => {
    running.child.kill('SIGKILL');
    await running.child.ended;
  };
  t.after(async () => {
    await kill();
    rmSync(store, { recursive: true, force: true, maxRetries: 5 });
  });
  return {
    url,
    api: new TranscriptionAPI({ baseUrl: url }),
    directory: store,
    stop() {
      running.child.kill('SIGTERM');
      return running.child.ended;
    },
    kill,
    async restart() {
      running = await start(new URL(url).host);
    },
  };
}

export function temporaryDirectory(t: Cleaning): string {
  const path = mkdtempSync(join(tmpdir(), 'tmon-test-'));
  t.after(() => rmSync(path, { recursive: true, force: true, maxRetries: 5 }));
  return path;
}
