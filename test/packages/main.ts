/**
 * `node test/packages/main.ts [--node PATH …]`: packs the npm package, installs it into an empty folder, and runs from there, with each
 * given Node (default: this one), from a recording to its transcript with a real recogniser. Prints sizes and start times; exit code 1
 * if anything fails. A few minutes; not part of npm test.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { engineEnvironment } from '../../agent/engines/private-python.ts';
import { type Cleaning, startProgram, temporaryDirectory } from '../processes/tmon.ts';

const ROOT = new URL('../../', import.meta.url).pathname;
const AUDIO = join(ROOT, 'examples/audio/lost-keys.wav');
const ENGINE = 'faster-whisper?python=private&model=tiny.en';
/** The fastest of each is printed: other programs of the machine only make them slower. */
const ROUNDS = 5;
type Times = Record<'bare' | 'version' | 'ready', number[]>;
const READY = /listening on (http:[^\s,"]+)/;

const { values } = parseArgs({ options: { node: { type: 'string', multiple: true, default: [process.execPath] } } });
const cleaning: (() => void | Promise<void>)[] = [];
const t: Cleaning = { after: (run) => void cleaning.unshift(run) };
try {
  const folder = temporaryDirectory(t);
  const tarball = npm(['run', '-s', 'package', '--', join(folder, 'packed')], ROOT);
  const app = join(folder, 'app');
  mkdirSync(app);
  writeFileSync(join(app, 'package.json'), '{"name": "app", "private": true}');
  npm(['install', '--no-audit', '--no-fund', tarball], app);
  console.log(`packed ${megabytes(statSync(tarball).size)}, installed with its dependencies ${installed(app)}`);
  // The recogniser's environment is made once, by a download of 550 MB.
  const { python } = await engineEnvironment('faster-whisper');
  const cache = join(folder, 'cache/transcription-monitor');
  mkdirSync(cache, { recursive: true });
  symlinkSync(join(python, '../../..'), join(cache, 'python'));
  for (const node of values.node) await transcribe(node, { folder, app });
} finally {
  for (const clean of cleaning) await clean();
}

async function transcribe(node: string, { folder, app }: { folder: string; app: string }): Promise<void> {
  const version = execFileSync(node, ['-v'], { encoding: 'utf8' }).trim();
  const command = join(app, 'node_modules/.bin/tmon');
  const directory = temporaryDirectory(t);
  const environment = { XDG_CACHE_HOME: join(folder, 'cache'), HOME: directory, NODE_COMPILE_CACHE: '' };
  const as = (more: Record<string, string>) => {
    const options = { directory, environment: { ...environment, ...more } };
    return (...args: string[]) => startProgram(t, node, [command, ...args], options);
  };
  const tmon = as({});

  const times: Times = { bare: [], version: [], ready: [] };
  for (let round = 1; round <= ROUNDS; round += 1) {
    await timed(times.bare, () => startProgram(t, node, ['-e', '0'], { directory, environment }).ended);
    const { stdout, stderr, code } = await timed(times.version, () => tmon('--version').ended);
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
    const first = tmon('serve', '--listen', '127.0.0.1:0', '--store', `dir:${join(directory, `empty-${round}`)}`);
    await timed(times.ready, () => first.line(READY));
    first.kill('SIGTERM');
    await first.ended;
  }
  const admin = JSON.parse((await tmon('keys', 'generate', '--json').ended).stdout) as { key: string; hash: string };
  const store = `dir:${join(directory, 'data')}`;
  const monitor = as({ TMON_ADMIN_KEY_HASH: admin.hash })('serve', '--listen', '127.0.0.1:0', '--store', store);
  const url = (await monitor.line(READY))[1]!;
  const page = await (await fetch(`${url}/`)).text();
  const [script = ''] = /assets\/index-[\w-]+\.js/.exec(page) ?? [];
  assert.equal((await fetch(`${url}/${script}`)).status, 200, page);
  const asAdmin = as({ TMON_SERVER: url, TMON_API_KEY: admin.key });
  const created = await asAdmin('keys', 'create', '--role', 'worker', '--json').ended;
  assert.equal(created.code, 0, created.stderr);
  const { key } = JSON.parse(created.stdout) as { key: string };
  const worker = as({ TMON_SERVER: url, TMON_API_KEY: key })('worker', '--engine', ENGINE, '--id', 'worker-1');
  assert.match((await tmon('submit', AUDIO, '--server', url).ended).stderr, /key/);
  const submitted = await asAdmin('submit', AUDIO, '--json').ended;
  assert.equal(submitted.code, 0, submitted.stderr);
  const { job_id: id } = JSON.parse(submitted.stdout);
  assert.equal((await asAdmin('watch', id).ended).code, 0);
  const { stdout: text } = await asAdmin('transcript', id).ended;
  assert.match(text, /\bkeys?\b/i);
  for (const program of [worker, monitor]) {
    program.kill('SIGTERM');
    const { code, stderr } = await program.ended;
    assert.equal(code, 0, stderr);
    assert.doesNotMatch(stderr, /Warning/);
  }
  const [bare, ...others] = [times.bare, times.version, times.ready].map((values) => Math.min(...values));
  const [shortest, ready] = others.map((ms) => `${ms.toFixed(0)} ms, ${(ms / bare!).toFixed(1)} times \`node -e 0\``);
  console.log(`${version}: transcribed; --version ${shortest}; serve ready in ${ready}`);
}

async function timed<T>(times: number[], run: () => Promise<T>): Promise<T> {
  const began_ms = performance.now();
  const result = await run();
  times.push(performance.now() - began_ms);
  return result;
}

function npm(args: readonly string[], cwd: string): string {
  const output = execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  return output.trim().split('\n').at(-1)!;
}

function installed(app: string): string {
  return megabytes(Number(execFileSync('du', ['-sb', app], { encoding: 'utf8' }).split('\t')[0]));
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
