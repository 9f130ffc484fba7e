/**
 * Runs every test: `node test/run.ts`, which `npm test` does after the setup.
 *
 * A process that loads the server takes half a second before its first test, and there are hundreds of files. So files that keep
 * to themselves share a process, up to FILES_MAX of a folder; each still has its own tests in the output. A file that changes its
 * process, starts others or measures them runs alone. `node --test FILE` runs any file by itself.
 */
import { spawn } from 'node:child_process';
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { extent } from './thorough.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const GROUPS = join(ROOT, '.cache/tests');
const FILES_MAX = 10;
/** On two cores: some wait for a clock or for each other. */
const PROCESSES = 4;
const TEST_MS = extent(900_000, 240_000);

/** What a file does that would matter to others in its process, or others to it. */
const ALONE =
  /process\.(env|on|once|exit|chdir|memoryUsage|cpuUsage|umask|emitWarning)|globalThis|\bgc\b|\bmock\b|(before|after)Each\(|^before\(|node:child_process|worker_threads|registerHooks|setDefaultCACertificates|processes\/|servers\/(start|moto|aws-faults|redis|postgresql|mariadb|s3-gateway|faketime|column-readers)|browser\.ts|conformance|testing-(ec2|fleet|aws|asg)|skip: (absent|skipped)/m;
/** Folders whose files may share a process. */
const SHARING = ['dashboard/src', 'protocol', 'server', 'sources', 'agent', 'notifiers', 'cli'];

const files = globSync('**/*.test.ts', {
  cwd: ROOT,
  exclude: (name) => ['node_modules', '.cache', 'dist'].includes(name),
}).sort();
const entries: string[] = [];
const folders = new Map<string, string[]>();
for (const file of files) {
  const shares =
    SHARING.some((folder) => file.startsWith(`${folder}/`)) && !ALONE.test(readFileSync(join(ROOT, file), 'utf8'));
  if (!shares) {
    entries.push(file);
    continue;
  }
  const folder = file.split('/').slice(0, -1).slice(0, 2).join('/');
  folders.set(folder, [...(folders.get(folder) ?? []), file]);
}
rmSync(GROUPS, { recursive: true, force: true });
mkdirSync(GROUPS, { recursive: true });
for (const [folder, all] of folders) {
  const parts = Math.ceil(all.length / FILES_MAX);
  for (let part = 0; part < parts; part++) {
    // Every n-th, so that neighbours, which are alike, are spread.
    const own = all.filter((_, n) => n % parts === part);
    const path = join(GROUPS, `${folder.replaceAll('/', '-')}-${part + 1}.test.ts`);
    writeFileSync(path, own.map((file) => `await import('../../${file}');\n`).join(''));
    entries.push(path);
  }
}

const preloads = ['compile-cache', 'untracked-promises'].map((name) => `--import=./test/setup/${name}.ts`);
const options = [`--test-timeout=${TEST_MS}`, `--test-concurrency=${PROCESSES}`];
const runner = spawn(process.execPath, [...preloads, '--test', ...options, ...entries], {
  cwd: ROOT,
  stdio: 'inherit',
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => runner.kill(signal));
runner.on('exit', (code) => {
  process.exitCode = code ?? 1;
});
