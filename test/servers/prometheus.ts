/** Prometheus and its promtool for tests. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sleep, systemClock } from '../../server/clock.ts';
import type { Cleaning } from '../processes/tmon.ts';
import { startServer } from './start.ts';

const POLL_MS = 50;
const FOLDERS = ['/usr/bin', '/usr/local/bin'];

export type Prometheus = { server: string; promtool: string };

/** undefined if it is not installed: Debian's package `prometheus`. */
export function findPrometheus(): Prometheus | undefined {
  const folder = FOLDERS.find((path) => ['prometheus', 'promtool'].every((name) => existsSync(join(path, name))));
  return folder === undefined ? undefined : { server: join(folder, 'prometheus'), promtool: join(folder, 'promtool') };
}

/** Why a test is skipped; false if it runs. */
export const withoutPrometheus = findPrometheus()
  ? false
  : "Prometheus is not installed: Debian's package prometheus; test/setup (npm test) installs it as root";

/** Runs `promtool …`. Returns its exit code and everything it printed. */
export async function promtool(
  arguments_: readonly string[],
  { input, directory }: { input?: string; directory?: string } = {},
): Promise<{ code: number | null; output: string }> {
  const { promtool: program } = findPrometheus()!;
  const child = spawn(program, arguments_, directory === undefined ? {} : { cwd: directory });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (bytes: Buffer) => {
      output += bytes;
    });
  }
  const closed = once(child, 'close');
  // It may exit without reading, which its exit code explains.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const [code] = (await closed) as [number | null];
  return { code, output };
}

/** The names of the metrics in an expression. */
export const metricsIn = (expression: string): string[] => [
  ...new Set(expression.match(/\b(?:[a-z_]+:)?(?:transcription_monitor|nodejs|process)_[a-z0-9_:]+|\bup\b/g)),
];

export type TestPrometheus = {
  /** The result of an instant query. */
  query(expression: string): Promise<{ metric: Record<string, string>; value: [at_s: number, value: string] }[]>;
  /** Resolves once the expression has this value: what is scraped is at least as new as that. */
  scraped(expression: string, value: number): Promise<void>;
};

/** A Prometheus that scrapes these targets every 200 ms; stopped with the test. */
export async function startPrometheus(t: Cleaning, targets: readonly string[]): Promise<TestPrometheus> {
  const directory = await mkdtemp(join(tmpdir(), 'tmon-prometheus-'));
  t.after(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }));
  const scrape_configs = [{ job_name: 'transcription-monitor', static_configs: [{ targets }] }];
  // YAML reads JSON.
  const config = JSON.stringify({ global: { scrape_interval: '200ms', scrape_timeout: '200ms' }, scrape_configs });
  await writeFile(join(directory, 'prometheus.yaml'), config);
  const { endpoint, stop } = await startServer({
    command: findPrometheus()!.server,
    args: (port) => [
      `--web.listen-address=127.0.0.1:${port}`,
      `--config.file=${join(directory, 'prometheus.yaml')}`,
      `--storage.tsdb.path=${join(directory, 'data')}`,
    ],
    path: '/-/ready',
  });
  t.after(stop);
  const server: TestPrometheus = {
    async scraped(expression, value) {
      while (Number((await server.query(expression))[0]?.value[1]) !== value) await sleep(systemClock, POLL_MS);
    },
    async query(expression) {
      const response = await fetch(`${endpoint}/api/v1/query?${new URLSearchParams({ query: expression })}`);
      const { status, data, error } = (await response.json()) as {
        status: string;
        error?: string;
        data: { result: Awaited<ReturnType<TestPrometheus['query']>> };
      };
      if (status !== 'success') throw new Error(`${expression}: ${error}`);
      return data.result;
    },
  };
  return server;
}
