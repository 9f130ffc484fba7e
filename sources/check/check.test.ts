/** The rules of the check, with scripted sources; real sources have their own tests. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Compile } from 'typebox/compile';
import { CheckDocument } from '../../protocol/check.ts';
import { temporaryDirectory } from '../../test/processes/tmon.ts';
import { type Source, SourceError } from '../source.ts';
import { Check } from './check.ts';
import { CheckMemory, defaultStateFile } from './memory.ts';
import { reportOf } from './report.ts';
import { MINUTE, NOW, problems, run, source, told } from './testing-sources.ts';

const { signal } = new AbortController();

test('all is well if jobs move, and the document matches its schema', async () => {
  const document = await run([
    source([
      told('job-1', 1, { percentage: 60 }),
      told('job-2', 5, { state: 'COMPLETED' }),
      told('job-3', 5, { state: 'QUEUED' }),
    ]),
  ]);
  assert.deepEqual([document.verdict, document.says], ['well', 'well: 1 running, 1 completed']);
  assert.deepEqual([document.counts.queued, document.counts.failure_rate], [1, 0]);
  const [job] = document.running;
  assert.ok(job);
  assert.deepEqual([job.percentage, job.percent_per_minute, job.stuck], [60, 1.017, false]);
  assert.equal(job.eta_seconds, Math.round(((40 / 60) * 59 - 1) * 60));
  assert.ok(validDocument(document));
});

const validator = Compile(CheckDocument);

function validDocument(document: CheckDocument): boolean {
  assert.deepEqual(validator.Errors(document), []);
  return validator.Check(document);
}

test('[B110] a job that hangs and a worker that is gone are distinguished by whether the worker still reports', async () => {
  const document = await run([
    source([
      told('job-runs', 1, { percentage: 60, worker_id: 'worker-runs' }),
      told('job-hangs', 50, { percentage: 10, worker_id: 'worker-hangs' }),
      told('job-beside', 0, { state: 'COMPLETED', worker_id: 'worker-hangs' }),
      told('job-killed', 40, { percentage: 40, worker_id: 'worker-killed' }),
    ]),
  ]);
  assert.deepEqual(problems(document), ['job_stuck job-hangs', 'job_stuck job-killed', 'worker_quiet worker-killed']);
  const says = document.problems.map((problem) => problem.says);
  assert.match(says[0]!, /no progress at 10% for 50m, expected within 30m; worker-hangs reported 0s ago: it hangs/);
  assert.match(says[1]!, /worker-killed is silent too: it has died/);
  assert.match(says[2]!, /silent for 40m; it holds job-killed/);
});

test('[B135] a file of 81 minutes that reports steadily is never stuck, though the documented 30 minutes pass ten times', async () => {
  const memory = new CheckMemory();
  const started_ms = NOW;
  for (let percentage = 0, now_ms = NOW; percentage < 100; percentage += 12, now_ms += 45 * MINUTE) {
    const sighting = { ...told('job-1', 0, { percentage, started_ms }), told_ms: now_ms };
    const looks = percentage < 24 ? [0, 10] : [0, 10, 40];
    for (const minutes of looks) {
      const check = new Check([source([sighting])], { quiet_after_ms: 60 * MINUTE }, memory);
      const document = await check.run(now_ms + minutes * MINUTE, signal);
      assert.deepEqual(problems(document), [], `at ${percentage} %, ${minutes} minutes later`);
    }
  }
});

test('a job is shown by the name that its system gave it', async () => {
  const reported_id = '/audio/Meeting 1.mp3';
  const document = await run([
    source([
      told('Meeting-1', 50, { reported_id, worker_id: 'worker-1' }),
      told('Meeting-2', 1, { reported_id: 'b.mp3', state: 'FAILED' }),
    ]),
  ]);
  assert.deepEqual(problems(document), [`job_stuck ${reported_id}`, 'job_failed b.mp3']);
  assert.deepEqual([document.running[0]!.job_id, document.running[0]!.reported_id], ['Meeting-1', reported_id]);
  assert.match(reportOf(document), /^RUNNING {2}\/audio\/Meeting 1\.mp3 /m);
  assert.ok(validDocument(document));
});

test('a failed job is a problem, with its reason; an allowed rate is not', async () => {
  const jobs = [
    told('job-1', 5, { state: 'FAILED', error: 'GPU out of memory' }),
    ...['job-2', 'job-3', 'job-4'].map((id) => told(id, 5, { state: 'COMPLETED' })),
  ];
  const document = await run([source(jobs)]);
  assert.deepEqual(problems(document), ['job_failed job-1']);
  assert.equal(document.problems[0]!.says, 'failed on worker-1: GPU out of memory');
  assert.equal(document.counts.failure_rate, 0.25);
  assert.equal((await run([source(jobs)], { failures_allowed: 0.25 })).verdict, 'well');
  assert.equal((await run([source(jobs)], { since_ms: 4 * MINUTE })).verdict, 'well');
});

test('an idle worker may be silent, and a slow one is given the time that its job needs', async () => {
  assert.equal((await run([source([told('job-1', 600, { state: 'COMPLETED' })])])).verdict, 'well');
  const slow = told('job-1', 10, { percentage: 5 });
  assert.deepEqual(problems(await run([source([slow])])), []);
  assert.deepEqual(problems(await run([source([told('job-1', 10)])])), ['worker_quiet worker-1']);
  assert.deepEqual(problems(await run([source([told('job-1', 10)])], { quiet_after_ms: 11 * MINUTE })), []);
});

test('[B116] an oldest message of more than 30 minutes and dead letters are problems', async () => {
  const depth = { waiting: 3, in_flight: 1, oldest_seconds: 1801, dead_letters: 2 };
  assert.deepEqual(problems(await run([source([], {}, depth)])), ['queue_old test:', 'dead_letters test:']);
  const fine = { waiting: 3, in_flight: 1, oldest_seconds: 1800, dead_letters: 0 };
  assert.equal((await run([source([], {}, fine)])).verdict, 'well');
});

test('a clock ahead is flagged and ignored: its job is stuck by when we first saw it', async () => {
  const memory = new CheckMemory();
  const ahead = told('job-1', -300, { percentage: 40 });
  const check = new Check([source([ahead])], { quiet_after_ms: 5 * MINUTE }, memory);
  const first = await check.run(NOW, signal);
  assert.deepEqual([first.verdict, first.warnings.map(({ kind }) => kind)], ['well', ['clock_ahead']]);
  assert.match(first.warnings[0]!.says, /5h ahead/);
  assert.deepEqual(problems(await check.run(NOW + 6 * MINUTE, signal)), ['worker_quiet worker-1']);
  assert.deepEqual(problems(await check.run(NOW + 31 * MINUTE, signal)), ['job_stuck job-1', 'worker_quiet worker-1']);
});

test('unreadable lines are counted and listed, and make the verdict unknown, as an unreadable source does, which does not hide others', async () => {
  const unreadable = Array.from({ length: 12 }, (_, n) => ({ where: `line ${n}`, why: 'cut off' }));
  const document = await run([source([told('job-1', 1)], { unreadable })]);
  assert.equal(document.says, 'unknown: 12 unreadable');
  assert.deepEqual([document.sources[0]!.unreadable_count, document.sources[0]!.unreadable.length], [12, 10]);
  assert.equal(document.warnings[0]!.says, '12 could not be read: line 0: cut off');
  assert.match(
    reportOf(document),
    /^UNKNOWN {2}test: {2}12 could not be read: line 0: cut off\n {16}line 1: cut off\n/m,
  );

  const error = new SourceError('missing', 's3://b: bucket b does not exist', { hint: 'aws s3 mb s3://b' });
  const broken: Source = {
    ...source([], { name: 's3://b' }),
    // biome-ignore lint/correctness/useYield: it fails before it says anything.
    async *read() {
      throw error;
    },
  };
  const unknown = await run([broken, source([told('job-1', 1)])]);
  assert.deepEqual([unknown.verdict, unknown.says], ['unknown', 'unknown: 1 source could not be read']);
  assert.deepEqual(unknown.sources[0]!.error, { kind: 'missing', message: error.message, hint: error.hint });
  assert.match(reportOf(unknown), /^UNREAD {2}s3:\/\/b: bucket b does not exist\n {8}hint: aws s3 mb s3:\/\/b$/m);
  assert.equal((await run([broken, source([told('job-1', 90)])])).verdict, 'wrong');
  assert.ok(validDocument(unknown));
});

test('sources that report the same job are merged', async () => {
  const document = await run([
    source([told('job-1', 40, { percentage: 10 })], { name: 'a:' }),
    source([told('job-1', 1, { state: 'COMPLETED' })], { name: 'b:' }),
  ]);
  assert.deepEqual([document.verdict, document.counts.running, document.counts.completed], ['well', 0, 1]);
});

test('a job whose row was deleted is gone from the next verdict; one from a log is not', async () => {
  const readings = [[told('job-1', 90)], []];
  for (const [appendsOnly, expected] of [
    [false, 'well'],
    [true, 'wrong'],
  ] as const) {
    let round = 0;
    const changing: Source = {
      ...source([], { appendsOnly }),
      read: (options) => source(readings[round++]!, { position: 'on' }).read(options),
    };
    const check = new Check([changing]);
    assert.equal((await check.run(NOW, signal)).verdict, 'wrong');
    assert.equal((await check.run(NOW, signal)).verdict, expected);
  }
});

test('progress, files and sent messages are kept across runs; a damaged file is created again', async (t) => {
  const path = join(temporaryDirectory(t), 'state', 'check.json');
  const memory = await CheckMemory.load(path);
  await new Check([source([told('job-1', 50, { percentage: 45 })])], {}, memory).run(NOW - 50 * MINUTE, signal);
  memory.told.set('ops', 'well');
  memory.recall('test:').set('jobs/job-1.json', 'v1', told('job-1', 50));
  await memory.save(path);

  const loaded = await CheckMemory.load(path);
  const document = await new Check([source([told('job-1', 0, { percentage: 45 })])], {}, loaded).run(NOW, signal);
  assert.equal(document.running[0]!.still_seconds, 50 * 60);
  assert.equal(document.running[0]!.stuck, true);
  assert.equal(loaded.told.get('ops'), 'well');

  writeFileSync(path, '{"format": 1, "tra');
  const why: string[] = [];
  assert.equal((await CheckMemory.load(path, (says) => why.push(says))).tracks.size, 0);
  assert.equal(why.length, 1);
});

test('files that are no longer listed or ended long ago are forgotten; changed ones are read again', () => {
  const recall = new CheckMemory().recall('s3://b');
  recall.set('a', 'v1', told('job-a', 100));
  recall.set('b', 'v1', told('job-b', 1));
  recall.set('c', 'v1', told('job-c', 100, { state: 'COMPLETED' }));
  recall.forget(NOW - 60 * MINUTE);
  assert.deepEqual(recall.get('a', 'v1'), told('job-a', 100));
  assert.equal(recall.get('a', 'v2'), undefined);
  assert.equal(recall.get('c', 'v1'), undefined);
  recall.forget(NOW - 60 * MINUTE);
  assert.deepEqual(
    recall.rows.map(([where]) => where),
    ['a'],
  );
});

test('a run by hand has its own state', () => {
  const home = { XDG_STATE_HOME: '/state' };
  const by = (sources: string[], notifiers: string[]) => defaultStateFile({ sources, notifiers }, home);
  assert.match(by(['a', 'b'], []), /^\/state\/transcription-monitor\/check-[0-9a-f]{16}\.json$/);
  assert.equal(by(['a', 'b'], []), by(['b', 'a'], []));
  assert.notEqual(by(['a'], []), by(['a'], ['slack:x']));
});

test('the report lists problems first, in lines that no text of a worker can break', async () => {
  const document = await run([
    source(
      [
        told('job-runs', 1, { percentage: 60, stage: 'TRANSCRIBING' }),
        told('job-long-name-hangs', 50, { percentage: 10 }),
        told('job-failed', 30, { state: 'FAILED', error: 'GPU\u001b[31m out\nof memory' }),
      ],
      {},
      { waiting: 4, in_flight: 1, oldest_seconds: 60, dead_letters: null },
    ),
  ]);
  assert.deepEqual(reportOf(document).split('\n'), [
    'WRONG: 1 job stuck, 1 job failed  (2025-07-07T20:00:00Z)',
    '',
    'STUCK   job-long-name-hangs  no progress at 10% for 50m, expected within 30m; worker-1 reported 1m ago: it hangs',
    'FAILED  job-failed           failed on worker-1: GPU [31m out of memory',
    '',
    'RUNNING  job-long-name-hangs   10%  –             worker-1  stuck',
    'RUNNING  job-runs              60%  TRANSCRIBING  worker-1  moved 1m ago, 1%/min, 38m left',
    '',
    'QUEUE  test:  4 waiting, oldest 1m, 1 in flight',
    '',
    'since 2025-07-06T20:00:00Z: 0 completed, 1 failed (100%); 3 read from test:',
  ]);
});
