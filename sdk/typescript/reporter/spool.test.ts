/** Reports on disk: who sends what a process has left, what stays bounded, and what a damaged file costs. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import type { Report } from './report.ts';
import { Spool } from './spool.ts';
import { spoolFolder } from './spool-folder.ts';
import { readSpoolName, sentLine, spoolKey, spoolLine, spoolName } from './spool-format.ts';
import { isGone, startOf, thisProcess } from './spool-owner.ts';
import { ReportWriter } from './write-report.ts';

const KEY = spoolKey('s3://bucket/prefix', 'worker-1');
const ENDED = { ...thisProcess, pid: spawnSync('true').pid };

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'tmon-spool-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const open = (folder: string, key = KEY) =>
  new Spool(folder, key, (error) => {
    throw error;
  });
const writer = () => new ReportWriter('worker-1', () => Date.UTC(2025, 6, 7, 19, 30));
const namesOf = (reports: readonly Report[]) => reports.map(({ event }) => `${event.event} ${event.job_id}`);
const leave = (folder: string, reports: readonly Report[], owner = ENDED, key = KEY) => {
  const path = join(folder, spoolName(key, owner, '0a'));
  writeFileSync(path, reports.map((report, at) => spoolLine(at + 1, report)).join(''));
  return path;
};

test('what an ended process has left is taken once, whole and in order, and removed once it is sent', (t) => {
  const folder = folderOf(t);
  const write = writer();
  const start = write.start('in/a b.wav', { audioDuration: 60, extra: { gpu: 'T4' } });
  write.progress('in/a b.wav', 30, { stage: 'writing' });
  const failed = write.fail('in/a b.wav', 'boom', { code: 'oom' });
  leave(folder, [start, failed]);
  const [first, second] = [open(folder), open(folder)];
  const taken = first.adopt();
  assert.deepEqual(second.adopt(), []);
  assert.deepEqual(
    taken.map(({ bytes, ...report }) => report),
    [start, failed].map(({ bytes, ...report }) => ({ ...report, late: true })),
  );
  first.settle(taken.slice(0, 1));
  assert.equal(readdirSync(folder).length, 1);
  first.settle(taken.slice(1));
  assert.deepEqual(readdirSync(folder), []);
});

test('what a running process keeps is its own, until it ends or leaves it', (t) => {
  const folder = folderOf(t);
  const [first, second] = [open(folder), open(folder)];
  const write = writer();
  const reports = [write.start('job-1', {}), write.complete('job-1', {}), write.start('job-2', {})];
  for (const report of reports) first.keep(report);
  assert.deepEqual(second.adopt(), []);
  first.settle(reports.slice(0, 2));
  first.release();
  assert.deepEqual(namesOf(second.adopt()), ['JOB_START job-2']);
});

test('a process with the number of an ended one is another', (t) => {
  const folder = folderOf(t);
  leave(folder, [writer().start('job-1', {})], { ...thisProcess, started: '1' });
  assert.equal(open(folder).adopt().length, 1);
});

test('a process that has ended is gone before its parent notices', async (t) => {
  // The shell becomes another program, which does not wait for the shell's child.
  const parent = spawn('sh', ['-c', 'cat <&3 & echo $!; exec sleep 100 3<&-'], {
    stdio: ['ignore', 'pipe', 'ignore', 'pipe'],
  });
  t.after(() => parent.kill('SIGKILL'));
  const pid = Number(await new Promise((resolve) => parent.stdout!.once('data', resolve)));
  const until = async (seen: () => boolean) => {
    while (!seen()) await new Promise((resolve) => setImmediate(resolve));
  };
  await until(() => readFileSync(`/proc/${parent.pid}/comm`, 'utf8') === 'sleep\n');
  const owner = { ...thisProcess, pid, started: startOf(pid)! };
  assert.equal(isGone(owner, Date.now()), false);
  (parent.stdio[3] as Writable).end();
  await until(() => startOf(pid) === null);
  assert.match(readFileSync(`/proc/${pid}/stat`, 'utf8'), /\) Z /);
  assert.equal(isGone(owner, Date.now()), true);
});

test('a process of another machine is taken for gone when its file has not been touched for ten minutes', (t) => {
  const folder = folderOf(t);
  const path = leave(folder, [writer().start('job-1', {})], { ...thisProcess, host: 'elsewhere' });
  assert.deepEqual(open(folder).adopt(), []);
  const past_s = Date.now() / 1000 - 601;
  utimesSync(path, past_s, past_s);
  const spool = open(folder);
  assert.equal(spool.adopt().length, 1);
  const [mine] = readdirSync(folder);
  utimesSync(join(folder, mine!), past_s, past_s);
  spool.touch();
  assert.ok(statSync(join(folder, mine!)).mtimeMs > past_s * 1000 + 500_000);
});

test('reports for other systems and of other workers are left alone, for thirty days', (t) => {
  const folder = folderOf(t);
  const path = leave(folder, [writer().start('job-1', {})], ENDED, spoolKey('s3://bucket/prefix', 'worker-2'));
  assert.deepEqual(open(folder).adopt(), []);
  assert.equal(readdirSync(folder).length, 1);
  const past_s = Date.now() / 1000 - 31 * 86_400;
  utimesSync(path, past_s, past_s);
  assert.deepEqual(open(folder).adopt(), []);
  assert.deepEqual(readdirSync(folder), []);
});

test('credentials and the query do not change which system a URL names, and relative paths do', () => {
  const same = ['http://h:1/x', 'http://h:1/x/', 'http://:key@h:1/x', 'HTTP://user:pass@h:1/x?token=1'];
  assert.equal(new Set(same.map((url) => spoolKey(url, 'w'))).size, 1);
  assert.equal(spoolKey('sqlite:a.db', 'w'), spoolKey(`sqlite://${process.cwd()}/a.db`, 'w'));
  const others = ['http://h:1/x', 'http://h:2/x', 'https://h:1/x', 'dir:x', 'sqlite:x', `dir:${tmpdir()}/x`];
  assert.equal(new Set(others.map((url) => spoolKey(url, 'w'))).size, others.length);
});

test('lines that are cut or unknown cost only themselves, and what is recorded as sent is not sent again', (t) => {
  const folder = folderOf(t);
  const write = writer();
  const lines = [1, 2, 3].map((number) => spoolLine(number, write.start(`job-${number}`, {})));
  const odd = [
    '{"number":4,"event":{"event":"JOB_RESUME"}}\n',
    'null\n',
    '{"number":5,"event":{"event":"JOB_START"}}\n',
  ];
  const path = join(folder, spoolName(KEY, ENDED, '0a'));
  writeFileSync(path, [lines[0]!.slice(0, 20), '\n', ...odd, ...lines, sentLine(2), lines[2]!.slice(0, 30)].join(''));
  assert.deepEqual(namesOf(open(folder).adopt()), ['JOB_START job-3']);
});

test('only the user can read a spool, and it has no secret', (t) => {
  const folder = folderOf(t);
  const report = writer().start('job-1', {});
  open(folder).keep({ ...report, event: { ...report.event, lease_token: 'secret' } });
  const [name] = readdirSync(folder);
  assert.equal(statSync(join(folder, name!)).mode & 0o777, 0o600);
  assert.doesNotMatch(readFileSync(join(folder, name!), 'utf8'), /secret/);
  assert.equal(readSpoolName(name!)?.key, KEY);
});

test('a spool stays below 8 MiB: the oldest starts leave it first, ends last', (t) => {
  const folder = folderOf(t);
  const spool = open(folder);
  const write = writer();
  const extra = { extra: { note: 'x'.repeat(20_000) } };
  for (let n = 0; n < 600; n += 1) {
    spool.keep(write.start(`job-${n}`, extra));
    spool.keep(write.fail(`job-${n}`, 'boom', n < 400 ? {} : extra));
  }
  const [name] = readdirSync(folder);
  assert.ok(statSync(join(folder, name!)).size <= 8 * 1024 * 1024);
  spool.release();
  const left = namesOf(open(folder).adopt());
  for (let n = 0; n < 400; n += 1) assert.ok(left.includes(`JOB_FAILED job-${n}`), `JOB_FAILED job-${n}`);
  assert.ok(!left.includes('JOB_START job-0') && left.includes('JOB_START job-599'));
});

test('a spool has at most 10,000 reports, and a long outage makes none of them slow', (t) => {
  const folder = folderOf(t);
  const spool = open(folder);
  const write = writer();
  for (let n = 0; n < 30_000; n += 1) spool.keep(write.fail(`job-${n}`, 'boom', {}));
  spool.release();
  const left = namesOf(open(folder).adopt());
  assert.ok(left.length >= 5000 && left.length <= 10_000, String(left.length));
  assert.equal(left.at(-1), 'JOB_FAILED job-29999');
});

test('the folder is TMON_SPOOL, else in XDG’s state folder, else one of ours in the temporary folder', (t) => {
  const folder = folderOf(t);
  const environment = { ...process.env };
  t.after(() => {
    for (const name of ['TMON_SPOOL', 'XDG_STATE_HOME', 'TMPDIR']) {
      if (environment[name] === undefined) delete process.env[name];
      else process.env[name] = environment[name];
    }
  });
  process.env.TMON_SPOOL = '';
  process.env.XDG_STATE_HOME = join(folder, 'state');
  assert.equal(spoolFolder(undefined), join(folder, 'state/transcription-monitor/spool'));
  process.env.XDG_STATE_HOME = '/proc/nowhere';
  process.env.TMPDIR = folder;
  assert.equal(spoolFolder(undefined), join(folder, `transcription-monitor-spool-${process.getuid!()}`));
  process.env.TMPDIR = '/proc/nowhere';
  assert.throws(() => spoolFolder(undefined), /set TMON_SPOOL/);
  process.env.TMON_SPOOL = join(folder, 'mine');
  assert.equal(spoolFolder(undefined), join(folder, 'mine'));
  assert.equal(spoolFolder('/given'), '/given');
  assert.equal(spoolFolder(false), null);
  process.env.TMON_SPOOL = 'off';
  assert.equal(spoolFolder(undefined), null);
});
