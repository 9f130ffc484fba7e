/** `tmon check` as monitoring systems run it: their exit codes, files and pings. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Cleaning, runTmon, temporaryDirectory } from '../../test/processes/tmon.ts';
import { serveHttp } from '../../test/servers/serve-http.ts';

/** A folder with one status file, and `tmon check` on it. */
function oneJob(t: Cleaning, status: 'COMPLETED' | 'FAILED') {
  const root = temporaryDirectory(t);
  mkdirSync(join(root, 'jobs'));
  const told = {
    job_id: 'job-1',
    worker_id: 'worker-1',
    status,
    updated_at: new Date().toISOString(),
    error: 'no GPU',
  };
  writeFileSync(join(root, 'jobs', 'job-1.json'), JSON.stringify(told));
  const environment = { XDG_STATE_HOME: join(root, 'states') };
  return { root, check: (...args: string[]) => runTmon(t, ['check', `dir:${root}`, ...args], { environment }) };
}

test('as a plugin of Nagios it exits with 0, 2 and 3', async (t) => {
  const well = await oneJob(t, 'COMPLETED').check('--format', 'nagios');
  assert.deepEqual([well.code, well.stdout.slice(0, 19)], [0, 'TRANSCRIPTION OK - ']);
  const wrong = await oneJob(t, 'FAILED').check('--format', 'nagios');
  assert.deepEqual([wrong.code, wrong.stdout.slice(0, 25)], [2, 'TRANSCRIPTION CRITICAL - ']);
  const nothing = await runTmon(t, ['check', `dir:${join(temporaryDirectory(t), 'none')}`, '--format', 'nagios']);
  assert.deepEqual([nothing.code, nothing.stdout.slice(0, 24)], [3, 'TRANSCRIPTION UNKNOWN - ']);
});

test('a file of metrics is replaced, and nothing else is left in its folder', async (t) => {
  const { root, check } = oneJob(t, 'FAILED');
  const folder = join(root, 'textfile');
  mkdirSync(folder);
  const file = join(folder, 'tmon.prom');
  writeFileSync(file, 'old');
  const { code, stdout } = await check('--format', 'prometheus', '--output', file);
  assert.deepEqual([code, stdout], [1, '']);
  assert.match(readFileSync(file, 'utf8'), /^tmon_check_problems\{kind="job_failed"\} 1$/m);
  assert.deepEqual(readdirSync(folder), ['tmon.prom']);
  const lost = await check('--output', join(folder, 'missing', 'tmon.prom'));
  assert.deepEqual([lost.code, /--output .* cannot be written: ENOENT/.test(lost.stderr)], [2, true]);
});

test('each check pings, and a ping that fails changes only what is printed on standard error', async (t) => {
  const requests: string[] = [];
  const server = await serveHttp((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    response.writeHead(request.url!.startsWith('/ping/gone') ? 410 : 200).end();
  });
  t.after(server.stop);
  const url = `${server.endpoint}/ping`;
  const well = await oneJob(t, 'COMPLETED').check('--ping', `${url}/uuid`);
  const wrong = await oneJob(t, 'FAILED').check('--ping', `${url}/uuid`);
  assert.deepEqual(requests, ['POST /ping/uuid', 'POST /ping/uuid/fail']);
  assert.deepEqual([well.code, well.stderr, wrong.code, wrong.stderr], [0, '', 1, '']);
  const refused = await oneJob(t, 'COMPLETED').check('--ping', `${url}/gone-secret`);
  assert.deepEqual([refused.code, /was not pinged: HTTP 410/.test(refused.stderr)], [0, true]);
  const bad = await oneJob(t, 'COMPLETED').check('--ping', 'hc-ping.com/uuid');
  assert.deepEqual([bad.code, /a ping must be https:/.test(bad.stderr)], [2, true]);
});
