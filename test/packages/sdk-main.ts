/**
 * `node test/packages/sdk-main.ts`: packs the npm package of the SDK, installs it into an empty folder, and uses it from there in
 * Node 20, 22, 24 and 26, Bun, Deno and Chromium against a monitor and a worker: a File is uploaded with progress, its job followed
 * and its transcript read. Prints sizes; exit code 1 if anything fails. Two minutes; not part of npm test.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type Cleaning, startTestMonitor, startTmon, temporaryDirectory } from '../processes/tmon.ts';

const ROOT = new URL('../../', import.meta.url).pathname;
const CORE_BYTES_MAX = 15_000;
/** Each brings its program as a package. */
const PLATFORMS = ['node20@npm:node@20', 'node22@npm:node@22', 'node24@npm:node@24', 'bun@1.4.4', 'deno@2.9.6'];

/** The same everywhere; in a browser the address of the monitor is in the page's. */
const PROGRAM = `
import { TranscriptionAPI } from '@transcription-monitor/sdk';
const url = globalThis.location?.search ? decodeURIComponent(location.search.slice(1)) : process.argv.at(-1);
const api = new TranscriptionAPI({ baseUrl: url });
let last;
let reports = 0;
const file = new File([new Uint8Array(2_000_000)], 'a call.wav', { type: 'audio/wav' });
const { audio_url } = await api.uploads.create(file, { onProgress: (now) => { last = now; reports += 1; } });
const job = await api.jobs.submit({ audio_url });
for await (const { state } of api.jobs.watch(job.id)) void state;
const { text } = await api.jobs.transcript(job.id);
const result = \`\${last.percentage} % in \${reports} reports, "\${text.trim()}"\`;
if (globalThis.document) await fetch('/result', { method: 'POST', body: result });
else console.log(result);
`;
const RESULT = /^100 % in \d+ reports, "hello"$/m;

const cleaning: (() => void | Promise<void>)[] = [];
const t: Cleaning = { after: (run) => void cleaning.unshift(run) };
try {
  const folder = temporaryDirectory(t);
  const tarball = npm(['run', '-s', 'package:sdk', '--', join(folder, 'packed')], ROOT);
  const app = join(folder, 'app');
  mkdirSync(app);
  writeFileSync(join(app, 'package.json'), '{"name": "app", "private": true, "type": "module"}');
  npm(['install', '--no-audit', '--no-fund', '--ignore-scripts', tarball], app);
  const packages = readFileSync(join(app, 'package-lock.json'), 'utf8').match(/"node_modules\/[^"]+"/g);
  assert.deepEqual(packages, ['"node_modules/@transcription-monitor/sdk"']);
  console.log(`packed ${kilobytes(statSync(tarball).size)}, no dependency`);

  const tools = join(folder, 'tools');
  mkdirSync(tools);
  writeFileSync(join(tools, 'package.json'), '{"name": "tools", "private": true}');
  npm(['install', '--no-audit', '--no-fund', 'esbuild@0.28.2', ...PLATFORMS], tools);
  const bundled = bundle(join(tools, 'node_modules/.bin/esbuild'), app);
  console.log(`core entry, minified and compressed: ${kilobytes(bundled)}`);
  assert.ok(bundled <= CORE_BYTES_MAX);

  const site = await serve(app);
  const { url } = await startTestMonitor(t, { allowed_origins: site.origin });
  const worker = startTmon(t, [
    'worker',
    '--server',
    url,
    '--engine',
    `exec:sh -c 'echo hello > "$2"' sh {input} {output}`,
  ]);
  await worker.line(/ ready /);
  writeFileSync(join(app, 'program.js'), PROGRAM);
  const programs: [name: string, ...command: string[]][] = [
    ...['node20', 'node22', 'node24'].map((name): [string, string] => [
      name,
      join(tools, 'node_modules', name, 'bin/node'),
    ]),
    ['node26', process.execPath],
    ['bun', join(tools, 'node_modules/.bin/bun'), 'run'],
    ['deno', join(tools, 'node_modules/.bin/deno'), 'run', '--allow-net', '--node-modules-dir=manual'],
  ];
  for (const [name, program, ...args] of programs) {
    const output = execFileSync(program!, [...args, 'program.js', url], { cwd: app, encoding: 'utf8' });
    console.log(`${name}: ${output.trim()}`);
    assert.match(output, RESULT, name);
  }
  if (existsSync('/usr/bin/chromium')) {
    const result = await inChromium(`${site.origin}/index.html?${encodeURIComponent(url)}`, site.result, folder);
    console.log(`chromium: ${result}`);
    assert.match(result, RESULT);
  } else console.log('chromium: not installed');
} finally {
  for (const clean of cleaning) await clean();
}

function bundle(esbuild: string, app: string): number {
  writeFileSync(join(app, 'core.js'), "export * from '@transcription-monitor/sdk';");
  const args = ['core.js', '--bundle', '--minify', '--format=esm', '--platform=browser', '--target=es2022'];
  return gzipSync(execFileSync(esbuild, args, { cwd: app }), { level: 9 }).length;
}

/** The pages of a site with the SDK, as it is installed; `result` resolves with what its page posts. */
async function serve(app: string): Promise<{ origin: string; result: Promise<string> }> {
  const entry = '/node_modules/@transcription-monitor/sdk/sdk/typescript/index.js';
  const page = `<!doctype html><script type="importmap">{"imports": {"@transcription-monitor/sdk": "${entry}"}}</script>
    <script>addEventListener('unhandledrejection', ({ reason }) => fetch('/result', { method: 'POST', body: String(reason) }));</script>
    <script type="module">${PROGRAM}</script>`;
  const posted = Promise.withResolvers<string>();
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url!, 'http://site');
    if (pathname === '/result') posted.resolve((await Array.fromAsync(request)).join(''));
    const type = extname(pathname) === '.js' ? 'text/javascript' : 'text/html; charset=utf-8';
    response.setHeader('content-type', type);
    if (pathname === '/index.html') response.end(page);
    else if (pathname.startsWith('/node_modules/')) response.end(readFileSync(join(app, pathname)));
    else response.end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => void server.close().closeAllConnections());
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, result: posted.promise };
}

async function inChromium(url: string, result: Promise<string>, folder: string): Promise<string> {
  const args = [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--no-first-run',
    `--user-data-dir=${join(folder, 'profile')}`,
  ];
  const browser = spawn('/usr/bin/chromium', [...args, '--remote-debugging-port=0', url], { stdio: 'ignore' });
  const exited = once(browser, 'exit').then(() => 'the browser exited');
  const said = await Promise.race([result, exited]);
  browser.kill();
  await exited;
  return said;
}

function npm(args: readonly string[], cwd: string): string {
  const output = execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  return output.trim().split('\n').at(-1)!;
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1000).toFixed(1)} kB`;
}
