import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { formatTime, MINUTE_MS } from '../protocol/time.ts';
import { makeLog } from '../test/logs/make-log.ts';
import { type Cleaning, runTmon, startTmon, temporaryDirectory } from '../test/processes/tmon.ts';

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));

/** So many minutes ago, as Python's logging prints it, in UTC. */
function ago(minutes: number, words: string): string {
  const time = formatTime(Date.now() - minutes * MINUTE_MS)
    .slice(0, 19)
    .replace('T', ' ');
  return `${time},000 INFO transcriber: ${words}\n`;
}

/** Pipes this into `tmon logs …`. */
async function pipe(t: Cleaning, input: string, args: readonly string[]) {
  const child = spawn(process.execPath, [MAIN, 'logs', ...args], { env: { ...process.env, NO_COLOR: '1' } });
  t.after(() => void child.kill('SIGKILL'));
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (bytes: Buffer) => {
    stdout += bytes;
  });
  child.stderr.on('data', (bytes: Buffer) => {
    stderr += bytes;
  });
  // It may exit without reading all of it.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const [code] = await once(child, 'close');
  return { stdout, stderr, code: code as number };
}

const LOG = [
  ago(100, 'JOB_START job_id=job-1 worker_id=worker-1'),
  ago(99, 'loaded a model'),
  ago(90, 'JOB_PROGRESS job_id=job-1 percentage=45'),
  ago(
    50,
    'TRANSCRIPTION_EVENT {"event": "JOB_START", "job_id": "job-2", "worker_id": "worker-2", "audio_duration": 4860}',
  ),
  ago(45, 'JOB_START job_id=job-3 worker_id=worker-3'),
  ago(
    30,
    'TRANSCRIPTION_EVENT {"event": "JOB_COMPLETE", "job_id": "job-2", "worker_id": "worker-2", "duration": 1200, "segments": 150}',
  ),
  ago(20, 'JOB_FAILED job_id=job-3 error=GPU out of memory'),
  ago(1, 'JOB_START job_id=job-4 worker_id=worker-3'),
].join('');

test('[B130] a piped log is enough: no monitor, no account, no setting', async (t) => {
  const jobs = await pipe(t, LOG, ['jobs']);
  assert.equal(jobs.code, 0, jobs.stderr);
  const cells = jobs.stdout
    .trim()
    .split('\n')
    .map((line) => line.split('\t'));
  assert.deepEqual(
    cells.map((row) => row.slice(0, 5)),
    [
      ['job-4', 'PROCESSING', '–', '–', 'worker-3'],
      ['job-3', 'FAILED', '–', '–', 'worker-3'],
      ['job-2', 'COMPLETED', '–', '–', 'worker-2'],
      ['job-1', 'PROCESSING', '45%', '–', 'worker-1'],
    ],
  );
  assert.equal(cells[1]!.at(-1), 'GPU out of memory');
  assert.equal(jobs.stderr, '');
});

test('[B131] exit code 1 means that a job is stuck', async (t) => {
  const stuck = await pipe(t, LOG, ['stuck', '--stuck-after', '30m']);
  assert.equal(stuck.code, 1);
  assert.match(stuck.stdout, /^job-1\t45%\t–\tworker-1\t1:\d\d:\d\d\t/);
  assert.match(stuck.stderr, /1 stuck of 2 running/);
  const well = await pipe(t, ago(1, 'JOB_START job_id=job-4 worker_id=worker-3'), ['stuck']);
  assert.equal(well.code, 0);
  assert.match(well.stderr, /0 stuck of 1 running/);
});

test('failures are newest first, with their worker, and their rate', async (t) => {
  const log = LOG + ago(200, 'JOB_FAILED job_id=job-0 error=older, told late');
  const { stdout } = await pipe(t, log, ['failures', '--json']);
  const { failures, ...counts } = JSON.parse(stdout);
  assert.deepEqual(
    failures.map(({ job_id, worker_id, error }: Record<string, unknown>) => [job_id, worker_id, error]),
    [
      ['job-3', 'worker-3', 'GPU out of memory'],
      ['job-0', null, 'older, told late'],
    ],
  );
  assert.equal(counts.failed, 2);
  assert.equal(counts.completed, 1);
  assert.equal(counts.failure_rate, 2 / 3);
  const since = JSON.parse((await pipe(t, log, ['failures', '--json', '--since', '1h'])).stdout);
  assert.equal(since.failed, 1);
});

test('starts are counted per 5 minutes, as bin(5m) does', async (t) => {
  const line = (time: string, id: number) => `${time} JOB_START job_id=job-${id} worker_id=w\n`;
  const log = ['2025-07-07 19:30:00', '2025-07-07 19:34:59', '2025-07-07 19:35:00', '2025-07-07 20:00:01'].map(line);
  const { stdout } = await pipe(t, log.join(''), ['rate']);
  assert.deepEqual(
    stdout
      .trim()
      .split('\n')
      .map((row) => row.split('\t').slice(0, 2)),
    [
      ['2025-07-07T19:30:00Z', '2'],
      ['2025-07-07T19:35:00Z', '1'],
      ['2025-07-07T20:00:00Z', '1'],
    ],
  );
  const hours = JSON.parse((await pipe(t, log.join(''), ['rate', '--bin', '1h', '--json', '--zone', '+02:00'])).stdout);
  assert.deepEqual(hours.bins, [
    { from: '2025-07-07T17:00:00Z', starts: 3 },
    { from: '2025-07-07T18:00:00Z', starts: 1 },
  ]);
});

test('malformed and cut lines are counted and shown, a line from the future is flagged, and reading continues', async (t) => {
  const input = `${LOG}JOB_PROGRESS job_id=job-4\n\u0000\ufffd junk\n${ago(-600, 'JOB_PROGRESS job_id=job-4 percentage=5')}TRANSCRIPTION_EVENT {"event": "JOB_ST`;
  const { stdout, stderr, code } = await pipe(t, input, ['jobs']);
  assert.equal(code, 0);
  assert.equal(stdout.trim().split('\n').length, 4);
  assert.match(
    stderr,
    /2 lines could not be read:\n {2}line 9: JOB_PROGRESS without a percentage\n {2}line 12: its JSON is cut or malformed\n/,
  );
  assert.match(stderr, /1 line from the future \(job-4 at 20.*\): a clock is wrong, or --zone/);
  const document = JSON.parse((await pipe(t, input, ['jobs', '--json'])).stdout);
  assert.equal(document.unreadable_count, 2);
  assert.equal(document.from_the_future.job_id, 'job-4');
});

test('the counts of a large log are exact', async (t) => {
  const path = join(temporaryDirectory(t), 'worker.log');
  const made = makeLog(path, { lines: 100_000, seed: 9 });
  const jobs = JSON.parse((await runTmon(t, ['logs', 'jobs', '--json', '--limit', '1', path])).stdout);
  assert.equal(jobs.looked_at, 100_000);
  assert.equal(jobs.events, made.starts + made.progresses + made.completed + made.failed);
  assert.equal(jobs.count, made.starts);
  const failures = JSON.parse((await runTmon(t, ['logs', 'failures', '--json', '--limit', '3', path])).stdout);
  assert.equal(failures.failed, made.failed);
  assert.equal(failures.completed, made.completed);
  assert.equal(failures.failures.length, 3);
});

test('watch prints, in a pipe, one line per change until its input ends', async (t) => {
  const log = [
    ago(5, 'JOB_START job_id=job-1 worker_id=worker-1'),
    ago(4, 'JOB_PROGRESS job_id=job-1 percentage=45'),
    ago(3, 'JOB_PROGRESS job_id=job-1 percentage=45'),
    ago(2, 'JOB_COMPLETE job_id=job-1 duration=180'),
  ];
  const { stdout, code } = await pipe(t, log.join(''), ['watch']);
  assert.equal(code, 0);
  assert.equal(
    stdout,
    'job-1 PROCESSING on worker-1\njob-1 PROCESSING 45% on worker-1\njob-1 COMPLETED in 3:00 on worker-1\n',
  );
});

test('[B131] watch shows a file’s running jobs, then every change live, across a rotation', async (t) => {
  const path = join(temporaryDirectory(t), 'worker.log');
  writeFileSync(path, LOG);
  const watch = startTmon(t, ['logs', 'watch', '--json', path]);
  const seen = async (job: string, what: string) => void (await watch.line(new RegExp(`"job_id":"${job}".*${what}`)));
  await seen('job-1', '"percentage":45');
  await seen('job-4', '"state":"PROCESSING"');
  appendFileSync(path, ago(0, 'JOB_PROGRESS job_id=job-4 percentage=10'));
  await seen('job-4', '"percentage":10');
  renameSync(path, `${path}.1`);
  appendFileSync(`${path}.1`, ago(0, 'JOB_PROGRESS job_id=job-4 percentage=20'));
  writeFileSync(path, ago(0, 'TRANSCRIPTION_EVENT {"event": "JOB_COMPLETE", "job_id": "job-4", "duration": 60}'));
  await seen('job-4', '"state":"COMPLETED"');
  watch.kill('SIGTERM');
  const { stdout } = await watch.ended;
  assert.doesNotMatch(stdout, /job-2|job-3/, 'jobs that had ended are not shown');
});

test('on a terminal watch draws a bar per job', async (t) => {
  const path = join(temporaryDirectory(t), 'worker.log');
  writeFileSync(path, `${LOG}JOB_PROGRESS job_id=job-4\n`);
  const program = 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))';
  const sized = ['sh', '-c', 'stty rows 40 cols 120; exec "$0" "$@"', process.execPath, MAIN, 'logs', 'watch', path];
  const child = spawn('python3', ['-c', program, ...sized], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, TERM: 'xterm-256color', NO_COLOR: '1' },
  });
  t.after(async () => {
    // Ctrl-C, as a person types it.
    child.stdin.end('\u0003');
    await once(child, 'close');
  });
  let shown = '';
  await new Promise<void>((resolve) => {
    child.stdout.on('data', (bytes: Buffer) => {
      shown += bytes;
      const bar = /job-1 +█+[▏▎▍▌▋▊▉]?·+ +45% +on worker-1/.test(shown);
      if (bar && /1 unreadable, the last: line 9: JOB_PROGRESS without/.test(shown)) resolve();
    });
  });
});

test('an unsupported or missing log is one line with a hint', async (t) => {
  for (const [source, code, words] of [
    ['/no/such.log', 4, /the file does not exist\nhint: /],
    ['s3://bucket', 2, /s3:\/\/bucket is not a log\nhint: `?tmon check s3:\/\/bucket/],
    ['cloudwatch-logs://', 2, /is not a log\nhint: /],
  ] as const) {
    const ended = await runTmon(t, ['logs', 'jobs', source]);
    assert.equal(ended.code, code, ended.stderr);
    assert.match(ended.stderr, words);
    assert.equal(ended.stderr.trim().split('\n').length, 2);
  }
  const usage = await runTmon(t, ['logs', 'stuck', '--stuck-after', 'soon', '/x']);
  assert.equal(usage.code, 2);
  assert.match(usage.stderr, /Must be a time span like/);
});
