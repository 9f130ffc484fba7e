/** What `tmon worker doctor` finds: real engines, a real monitor with keys, and what is missing. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runTmon, temporaryDirectory } from '../../test/processes/tmon.ts';
import { ADMIN_KEY, openMonitor } from '../../test/servers/monitor.ts';
import { clientOf } from '../options.ts';
import { checkEngine } from './engine-checks.ts';
import type { Finding } from './finding.ts';
import { checkDisk, checkFfmpeg, checkGpu } from './machine-checks.ts';
import { checkMonitor } from './monitor-checks.ts';

const WHISPER_CLI = fileURLToPath(new URL('../../agent/engines/testdata/stand-in-whisper-cli.cjs', import.meta.url));
const EXEC = "exec:sh -c 'cat {input} > {output}'";

const statusOf = (findings: readonly Finding[]) =>
  Object.fromEntries(findings.map(({ check, status }) => [check, status]));
const only = (findings: readonly Finding[], check: string): Finding => findings.find((one) => one.check === check)!;

async function ask(
  server: string,
  { apiKey, skew_ms = 0, version }: { apiKey?: string; skew_ms?: number; version?: string } = {},
) {
  const api = clientOf({ server, ...(apiKey === undefined ? {} : { apiKey }) });
  const session = () => api.session.get({ retries: 0 });
  return checkMonitor({ server, session, version: version ?? '0.1.0', now: () => Date.now() + skew_ms });
}

test('an engine starts, says its versions, loads its model and transcribes', async () => {
  const { findings, found } = await checkEngine({ choice: 'pocketsphinx', parallel: 1, defaults: '' });
  assert.deepEqual(statusOf(findings), { engine: 'ok', model: 'ok', transcription: 'ok' });
  assert.match(only(findings, 'engine').says, /^pocketsphinx, .*\bpython 3\.\d+/);
  assert.equal(found?.capabilities.device, 'cpu');
});

test('an engine that is missing, a model that is missing, and defaults that it does not know', async () => {
  const check = async (choice: string, defaults = '') =>
    (await checkEngine({ choice, parallel: 1, defaults })).findings;
  const absent = await check('exec:no-such-program {input} {output}');
  assert.deepEqual(statusOf(absent), { engine: 'problem', model: 'not checked' });
  assert.match(only(absent, 'engine').hint!, /install no-such-program/);
  const model = await check(`whisper.cpp?program=${WHISPER_CLI}&model=/nowhere/ggml.bin`);
  assert.equal(only(model, 'engine').status, 'ok', JSON.stringify(model));
  assert.match(only(model, 'model').says, /model/);
  assert.match(only(await check('faster-whisper?modle=x'), 'engine').hint!, /its options are model/);
  const defaults = await check(EXEC, 'language=de');
  assert.deepEqual([only(defaults, 'engine').status, only(defaults, 'defaults').status], ['ok', 'problem']);
});

test('a GPU that the engine does not use is a warning, a driver that fails a problem', async (t) => {
  const nvidia_smi = join(temporaryDirectory(t), 'nvidia-smi');
  const stand = (script: string) => writeFileSync(nvidia_smi, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const cpu = { name: 'faster-whisper', capabilities: { device: 'cpu' } } as const;
  const cuda = { name: 'faster-whisper', capabilities: { device: 'cuda' } } as const;
  assert.equal((await checkGpu(cpu, '/nowhere/nvidia-smi')).status, 'ok');
  stand("echo 'Tesla T4, 15360, 14900, 550.54.15'");
  const used = await checkGpu(cuda, nvidia_smi);
  assert.deepEqual([used.status, used.says], ['ok', 'Tesla T4, 15.6 GB of 16.1 GB free, driver 550.54.15']);
  assert.equal((await checkGpu(cpu, nvidia_smi)).status, 'warning');
  stand("echo 'Failed to initialize NVML: Driver/library version mismatch' >&2; exit 18");
  const broken = await checkGpu(cuda, nvidia_smi);
  assert.deepEqual([broken.status, /version mismatch/.test(broken.says)], ['problem', true]);
});

test('ffmpeg and the disk', async (t) => {
  assert.equal((await checkFfmpeg('openai-whisper', '/nowhere/ffmpeg')).status, 'problem');
  assert.equal((await checkFfmpeg('faster-whisper', '/nowhere/ffmpeg')).status, 'warning');
  const folder = temporaryDirectory(t);
  assert.match((await checkDisk(join(folder, 'not', 'yet'))).says, /GB free at /);
  const file = join(folder, 'file');
  writeFileSync(file, '');
  const refused = await checkDisk(join(file, 'below'));
  assert.deepEqual([refused.status, /--work-dir/.test(refused.hint!)], ['problem', true]);
});

test('the way to a monitor: its key and role, its version, its clock', async (t) => {
  const monitor = await openMonitor(t);
  const open = await ask(monitor.url);
  assert.deepEqual(statusOf(open), {
    dns: 'ok',
    tcp: 'ok',
    tls: 'ok',
    monitor: 'ok',
    version: 'ok',
    key: 'ok',
    clock: 'ok',
  });
  const { body: root } = await monitor.post('/keys', { role: 'admin' });
  const admin = monitor.withKey(root.key);
  const keyOf = async (role: string) => (await admin.post('/keys', { role })).body.key as string;
  assert.match(only(await ask(monitor.url), 'key').hint!, /keys create --role worker/);
  assert.equal(only(await ask(monitor.url, { apiKey: ADMIN_KEY }), 'key').status, 'problem');
  assert.match(only(await ask(monitor.url, { apiKey: await keyOf('read') }), 'key').says, /role read does not work/);
  const worker = await ask(monitor.url, { apiKey: await keyOf('worker'), skew_ms: 60_000, version: '9.9.9' });
  assert.deepEqual([only(worker, 'key').status, only(worker, 'version').status], ['ok', 'warning']);
  assert.match(only(worker, 'clock').says, /^(59|60|61) s ahead of/);
  assert.equal(only(await ask(monitor.url, { skew_ms: -3_600_000 }), 'clock').status, 'problem');
  const plain = await ask(monitor.url.replace('http:', 'https:'));
  assert.deepEqual([only(plain, 'tls').status, only(plain, 'key').status], ['problem', 'not checked']);
});

test('what fails first is the problem, and the rest is not checked', async (t) => {
  const server = createServer((_, response) => void response.end('{}')).listen(0, '127.0.0.1');
  t.after(() => void server.close());
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  assert.match(only(await ask(`127.0.0.1:${port}`), 'monitor').says, /is no monitor/);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  const gone = await ask(`http://127.0.0.1:${port}`);
  assert.deepEqual(
    [only(gone, 'tcp').says, only(gone, 'key').says],
    [`port ${port} of 127.0.0.1: ECONNREFUSED`, 'tcp is a problem'],
  );
  const { code, stdout } = await runTmon(t, [
    'worker',
    '--engine',
    EXEC,
    'doctor',
    '--json',
    '--server',
    `127.0.0.1:${port}`,
  ]);
  const shown = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual([code, only(shown, 'engine').says, only(shown, 'tcp').status], [1, 'exec', 'problem']);
});
