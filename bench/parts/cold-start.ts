/** From the process's start to `/readyz` ready, on a filled store, and where the time goes. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { freePort, residentBytes, startProgram } from '../servers/server.ts';
import { median } from '../statistics.ts';

export type ColdStart = {
  /** Process start to ready. */
  ready_ms: number;
  /** The part of Node itself, without a program. */
  node_ms: number;
  /** The part of the program's modules and the listening socket: until /livez responds. */
  modules_ms: number;
  /** The part of the snapshot, the segments after it, and the views' start: until /readyz is ready. */
  recovery_ms: number;
  /** Resident memory when it is ready; NaN if the system does not report it. */
  ready_rss_bytes: number;
};

const STARTS = 5;
const main = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));

/**
 * The median of several starts; the first, which checks the store and leaves the compile cache at its end, is not
 * counted.
 */
export async function measureColdStart(store: string): Promise<ColdStart> {
  const starts: ColdStart[] = [];
  for (let start = 0; start <= STARTS; start++) {
    const one = await startOnce(store, start === 0 ? 'SIGTERM' : 'SIGKILL');
    if (start > 0) starts.push(one);
  }
  const of = (name: keyof ColdStart) => median(starts.map((one) => one[name]));
  return {
    ready_ms: of('ready_ms'),
    node_ms: of('node_ms'),
    modules_ms: of('modules_ms'),
    recovery_ms: of('recovery_ms'),
    ready_rss_bytes: of('ready_rss_bytes'),
  };
}

async function startOnce(store: string, end: NodeJS.Signals): Promise<ColdStart> {
  const bare_ms = performance.now();
  execFileSync(process.execPath, ['-e', '0']);
  const node_ms = performance.now() - bare_ms;

  const listen = `127.0.0.1:${await freePort()}`;
  const began_ms = performance.now();
  const monitor = startProgram(process.execPath, {
    arguments: [main, 'serve', '--store', `dir:${store}`, '--listen', listen, '--log-level', 'warn'],
  });
  try {
    const live_ms = (await untilOk(`http://${listen}/livez`)) - began_ms;
    const ready_ms = (await untilOk(`http://${listen}/readyz`)) - began_ms;
    const ready_rss_bytes = residentBytes(monitor.pid);
    return { ready_ms, node_ms, modules_ms: live_ms - node_ms, recovery_ms: ready_ms - live_ms, ready_rss_bytes };
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error}: ${monitor.output()}`);
  } finally {
    await monitor.stop(end);
  }
}

async function untilOk(url: string): Promise<number> {
  for (const until_ms = performance.now() + 60_000; performance.now() < until_ms; ) {
    const ok = await fetch(url).then(
      (response) => response.ok,
      () => false,
    );
    if (ok) return performance.now();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`${url} is not ready after 60 s`);
}
