/** The monitor as users start it, on an empty directory store, with default settings except those passed. */
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, type RunningServer, served, startProgram, untilReady } from './server.ts';

const HERE = fileURLToPath(new URL('../..', import.meta.url));

export async function startMonitorProcess(
  folder: string,
  { settings = [], checkout = HERE }: { settings?: readonly string[]; checkout?: string } = {},
): Promise<RunningServer> {
  const url = `http://127.0.0.1:${await freePort()}`;
  const program = startProgram(process.execPath, {
    arguments: [...profiling(), resolve(checkout, 'cli/main.ts'), ...serveArguments(folder, url, settings)],
  });
  await untilReady(program, async () => (await fetch(`${url}/readyz`)).ok);
  return served(program, url);
}

/** Of `tmon`. */
export const serveArguments = (folder: string, url: string, settings: readonly string[]): string[] => [
  'serve',
  ...['--store', `dir:${join(folder, 'store')}`],
  ...['--listen', url.slice('http://'.length)],
  ...['--log-level', 'warn'],
  ...settings,
];

/** TMON_BENCH_PROFILE=folder: writes a CPU profile of each monitor there. */
function profiling(): string[] {
  const folder = process.env.TMON_BENCH_PROFILE;
  return folder ? ['--cpu-prof', `--cpu-prof-dir=${folder}`] : [];
}
