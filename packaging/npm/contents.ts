/** Which files of the repository the npm package is made of: only what runs. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const PROJECT = join(ROOT, 'packaging/npm/tsconfig.json');

/** Folders whose files that are not TypeScript are read while it runs. */
const DATA = ['agent', 'cli', 'server', 'protocol', 'deploy/cloudformation', 'examples/audio'];
const DOCUMENTS = ['README.md', 'LICENSE', 'CHANGELOG.md'];

/** Only tracked files, so that nothing is packed that happens to lie in a folder. */
export function copiedFiles(): string[] {
  const tracked = run('git', ['ls-files', '-z', '--', ...DATA]).split('\0');
  const data = tracked.filter((path) => path !== '' && !/\.ts$|\/testdata\/|\.cases\.json$/.test(path));
  return [...data, ...DOCUMENTS];
}

export function compiledFiles(): string[] {
  const listed = run(process.execPath, [COMPILER, '-p', PROJECT, '--listFilesOnly']).split('\n');
  return listed
    .filter((path) => path.startsWith(ROOT) && !path.includes('/node_modules/'))
    .map((path) => path.slice(ROOT.length));
}

export const COMPILER = join(ROOT, 'node_modules/typescript/bin/tsc');

export function run(command: string, args: readonly string[], cwd = ROOT): string {
  return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}
