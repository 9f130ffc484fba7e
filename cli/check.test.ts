/** `tmon check` as run by cron, Nagios and people: exit codes, JSON, one message when the verdict changes. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { Compile } from 'typebox/compile';
import { CheckDocument } from '../protocol/check.ts';
import { formatTime } from '../protocol/time.ts';
import { type Cleaning, runTmon, startTmon, temporaryDirectory } from '../test/processes/tmon.ts';

const validator = Compile(CheckDocument);

/** The receivers of these tests are on this machine. */
const PRIVATE = { TMON_ALLOW_PRIVATE_WEBHOOKS: 'true' };

/** A folder with status files, and `tmon check` on it with its own state file. */
function folder(t: Cleaning) {
  const root = temporaryDirectory(t);
  mkdirSync(join(root, 'jobs'));
  const file = (job_id: string) => join(root, 'jobs', `${job_id}.json`);
  return {
    root,
    url: `dir:${root}`,
    state: join(root, 'state.json'),
    /** Reported `minutes` ago. */
    tell(job_id: string, status: string, minutes: number, more: object = {}) {
      const updated_at = formatTime(Date.now() - minutes * 60_000);
      const started_at = formatTime(Date.now() - (minutes + 10) * 60_000);
      const words = { job_id, worker_id: 'worker-1', status, started_at, updated_at, percentage: null, ...more };
      writeFileSync(file(job_id), JSON.stringify(words));
    },
    remove: (job_id: string) => rmSync(file(job_id)),
    run: (...args: string[]) =>
      runTmon(t, ['check', `dir:${root}`, ...args], {
        environment: { XDG_STATE_HOME: join(root, 'states'), ...PRIVATE },
      }),
  };
}

async function receiver(t: Cleaning) {
  const bodies: CheckDocument[] = [];
  const waiting: (() => void)[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    bodies.push(JSON.parse(Buffer.concat(chunks).toString()));
    response.end();
    for (const heard of waiting.splice(0)) heard();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const heard = (count: number) =>
    new Promise<void>((resolve) => {
      const look = () => (bodies.length >= count ? resolve() : void waiting.push(look));
      look();
    });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, bodies, heard };
}

test('[B110] exit code 0 means well, 1 wrong, 3 unknown; --json prints one document', async (t) => {
  const jobs = folder(t);
  jobs.tell('job-1', 'PROCESSING', 1, { percentage: 50 });
  const well = await jobs.run();
  assert.deepEqual([well.code, well.stderr], [0, '']);
  assert.match(well.stdout, /^WELL: 1 running/);

  jobs.tell('job-2', 'PROCESSING', 50);
  const wrong = await jobs.run('--json');
  assert.equal(wrong.code, 1);
  const document = JSON.parse(wrong.stdout) as CheckDocument;
  assert.deepEqual(validator.Errors(document), []);
  assert.deepEqual(
    document.problems.map(({ kind, subject }) => `${kind} ${subject}`),
    ['job_stuck job-2'],
  );
  assert.equal((await jobs.run('--stuck-after', '1h')).code, 0);

  const unknown = await runTmon(t, ['check', `dir:${jobs.root}/no-such`, '--state', jobs.state]);
  assert.equal(unknown.code, 3);
  assert.match(unknown.stdout, /^UNKNOWN: .*\n\nUNREAD {2}dir:\S+: the folder does not exist\n +hint: mkdir -p \S+\n/);
});

test('without credentials every AWS source is reported in one line, with exit code 3', async (t) => {
  const environment = {
    AWS_ACCESS_KEY_ID: '',
    AWS_SECRET_ACCESS_KEY: '',
    AWS_PROFILE: '',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_CONFIG_FILE: '/dev/null',
    AWS_EC2_METADATA_DISABLED: 'true',
    XDG_STATE_HOME: temporaryDirectory(t),
  };
  const urls = ['s3://bucket', 'dynamodb://table', 'sqs://queue', 'cloudwatch-logs://group'];
  const { code, stdout } = await runTmon(t, ['check', ...urls], { environment });
  assert.equal(code, 3);
  for (const url of urls) {
    assert.match(stdout, new RegExp(`^UNREAD {2}${url}: no AWS credentials found\n +hint: aws configure`, 'm'));
  }
});

test('one message is sent per change of the verdict, across runs', async (t) => {
  const jobs = folder(t);
  const { url, bodies } = await receiver(t);
  const run = () => jobs.run('--notify', url);
  jobs.tell('job-1', 'PROCESSING', 1);
  assert.equal((await run()).code, 0);
  assert.equal(bodies.length, 0);
  jobs.tell('job-1', 'FAILED', 1, { error: 'GPU out of memory' });
  assert.equal((await run()).code, 1);
  assert.equal((await run()).code, 1);
  // A run by hand must not affect cron's state.
  assert.equal((await jobs.run()).code, 1);
  jobs.remove('job-1');
  assert.equal((await run()).code, 0);
  assert.equal((await run()).code, 0);
  assert.deepEqual(
    bodies.map(({ says }) => says),
    ['wrong: 1 job failed', 'well: 0 running, 0 completed'],
  );
  assert.ok(existsSync(join(jobs.root, 'states', 'transcription-monitor')));
});

test('--every repeats and reports changes until it is stopped', async (t) => {
  const jobs = folder(t);
  const { url, bodies, heard } = await receiver(t);
  jobs.tell('job-1', 'PROCESSING', 1);
  const running = startTmon(t, ['check', jobs.url, '--every', '1s', '--notify', url, '--state', jobs.state], {
    environment: PRIVATE,
  });
  await running.line(/^WELL/);
  jobs.tell('job-2', 'FAILED', 1);
  await heard(1);
  jobs.remove('job-2');
  await heard(2);
  assert.deepEqual(
    bodies.map(({ verdict }) => verdict),
    ['wrong', 'well'],
  );
  running.kill('SIGTERM');
  assert.equal((await running.ended).code, 0);
});

test('a notifier that can’t be reached adds one line and does not change the verdict', async (t) => {
  const jobs = folder(t);
  jobs.tell('job-1', 'FAILED', 1);
  const { code, stdout, stderr } = await jobs.run('--notify', 'http://127.0.0.1:9/hook');
  assert.equal(code, 1);
  assert.match(stdout, /^WRONG: 1 job failed/);
  assert.match(stderr, /^tmon: http:\/\/127\.0\.0\.1:9\/…hook was not notified: [^\n]+\n$/);
});

test('--notify without a file that can be written is refused, with the reason and the option', async (t) => {
  const jobs = folder(t);
  jobs.tell('job-1', 'FAILED', 1);
  const { url, bodies } = await receiver(t);
  for (const state of ['/proc/tmon/state.json', '/dev/null/state.json', join(jobs.root, 'jobs', 'job-1.json', 'x')]) {
    const { code, stdout, stderr } = await jobs.run('--notify', url, '--state', state);
    assert.deepEqual([code, stdout], [2, ''], stderr);
    assert.match(stderr, /can't be written: .*\nhint: --state FILE in a folder/);
  }
  assert.equal(bodies.length, 0);
  // Without --notify it is only said.
  const { code, stderr } = await jobs.run('--state', '/proc/tmon/state.json');
  assert.equal(code, 1);
  assert.match(stderr, /^the state could not be saved: /);
});

test('exit code 3 for what could not be read or found, unless it is allowed; one message for each', async (t) => {
  const jobs = folder(t);
  const { url, bodies } = await receiver(t);
  const run = (...args: string[]) => jobs.run('--notify', url, ...args);
  const empty = await run();
  assert.equal(empty.code, 3);
  assert.match(empty.stdout, /^UNKNOWN: 1 source without any job .*\n\nUNKNOWN {2}dir:\S+ {2}no job was found there/);
  jobs.tell('job-1', 'PROCESSING', 1);
  writeFileSync(join(jobs.root, 'jobs', 'job-2.json'), '{"job_id": "job-2", "status": "ASLEEP"}');
  for (const _ of [1, 2]) assert.equal((await run()).code, 3);
  assert.equal((await run('--unreadable-allowed', '50%')).code, 0);
  assert.deepEqual(
    bodies.map(({ says }) => says),
    ['unknown: 1 source without any job', 'unknown: 1 unreadable', 'well: 1 running, 0 completed'],
  );
});

test('bad usage is exit code 2, with a hint', async (t) => {
  for (const args of [
    ['check'],
    ['check', 'ftp://x'],
    ['check', 'dir:/tmp', '--stuck-after', '30'],
    ['check', 'dir:/tmp', '--notify', 'pager:ops'],
    ['check', 'dir:/tmp', '--allow-failures', '101'],
    ['check', 'dir:/tmp', '--unreadable-allowed', '1.5'],
    ['check', 'dir:/tmp', '--unreadable-allowed', '101%'],
  ]) {
    const { code, stdout, stderr } = await runTmon(t, args);
    assert.deepEqual([code, stdout], [2, ''], args.join(' '));
    assert.match(stderr, /^tmon: [^\n]+\nhint: [^\n]+\n$/);
  }
});
