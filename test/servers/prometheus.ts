/** Prometheus and its promtool for tests. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

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
  { input = '', directory }: { input?: string; directory?: string } = {},
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
  child.stdin.end(input);
  const [code] = (await closed) as [number | null];
  return { code, output };
}
