/** "Well" is a claim: what a check must have read and understood before it says so. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Check } from './check.ts';
import { CheckMemory } from './memory.ts';
import { MINUTE, NOW, problems, run, source, told } from './testing-sources.ts';

const { signal } = new AbortController();
const CUT = { where: 'jobs/job-1.json', why: 'it is empty', half_written: true };

test('a source without any report of ours is unknown, until one was found there once', async () => {
  const memory = new CheckMemory();
  const empty = () => source([], { looked_at: 3 });
  const first = await run([empty()], {}, memory);
  assert.deepEqual([first.verdict, first.says], ['unknown', 'unknown: 1 source without any job']);
  assert.equal(first.warnings[0]!.says, 'no job was found there (3 read, none of them a report about a job)');
  assert.equal((await run([empty(), source([told('job-1', 1)], { name: 'b:' })])).verdict, 'unknown');
  // A report from before the time looked at is one.
  assert.equal((await run([source([], { found: 1 })])).verdict, 'well');
  assert.equal((await run([source([told('job-1', 1)])], {}, memory)).verdict, 'well');
  const later = await run([empty()], {}, memory);
  assert.deepEqual([later.verdict, later.warnings.map(({ kind }) => kind)], ['well', ['nothing_found']]);
});

test('an empty queue is well: that it responds is enough', async () => {
  const depth = { waiting: 0, in_flight: 0, oldest_seconds: null, dead_letters: 0 };
  assert.equal((await run([source([], {}, depth)])).verdict, 'well');
});

test('as much may be unreadable as is allowed, by number or by share of what was found', async () => {
  const jobs = Array.from({ length: 18 }, (_, n) => told(`job-${n}`, 1));
  const verdict = async (unreadable_allowed: object) =>
    (await run([source(jobs, { unreadable: [CUT, CUT] })], { unreadable_allowed })).verdict;
  assert.deepEqual(
    [
      await verdict({ count: 1 }),
      await verdict({ count: 2 }),
      await verdict({ share: 0.09 }),
      await verdict({ share: 0.1 }),
    ],
    ['unknown', 'well', 'unknown', 'well'],
  );
});

test('what a followed log had that could not be read stays unknown for as long as it is looked back', async () => {
  let round = 0;
  const rounds = [[CUT], [], []];
  const log = {
    ...source([], { appendsOnly: true }),
    read: () =>
      source([told('job-1', 1)], { unreadable: rounds[round++]!, position: 'on' }).read({ since_ms: 0, signal }),
  };
  const check = new Check([log], {
    stuck_after_ms: 3 * 3_600_000,
    quiet_after_ms: 3 * 3_600_000,
    since_ms: 60 * MINUTE,
  });
  assert.equal((await check.run(NOW, signal)).verdict, 'unknown');
  assert.equal((await check.run(NOW + MINUTE, signal)).verdict, 'unknown');
  assert.equal((await check.run(NOW + 61 * MINUTE, signal)).verdict, 'well');
});

test('a half-written file keeps the last known state for two checks or five minutes, then it is unknown', async () => {
  const memory = new CheckMemory();
  const half = source([told('job-1', 1)], { unreadable: [{ ...CUT, last_known: true }] });
  const whole = source([told('job-1', 1)]);
  const verdicts = async (...looks: [at: number, what: typeof half][]) => {
    const all: string[] = [];
    for (const [minutes, what] of looks) {
      const check = new Check([what], { quiet_after_ms: 60 * MINUTE }, memory);
      all.push((await check.run(NOW + minutes * MINUTE, signal)).verdict);
    }
    return all;
  };
  assert.deepEqual(await verdicts([0, half], [1, half], [2, half], [5, half]), ['well', 'well', 'well', 'unknown']);
  assert.deepEqual(await verdicts([6, whole], [7, half], [15, half], [16, half]), ['well', 'well', 'well', 'unknown']);
  // Nothing is known of a file that was never whole.
  assert.equal((await run([source([], { unreadable: [CUT] })])).verdict, 'unknown');
});

test('messages that are all in flight for hours are not well', async () => {
  const memory = new CheckMemory();
  const busy = (in_flight: number, oldest_seconds: number | null = null) =>
    source([], {}, { waiting: 0, in_flight, oldest_seconds, dead_letters: null });
  const look = async (hours: number, what: ReturnType<typeof busy>) => {
    const document = await new Check([what], {}, memory).run(NOW + hours * 60 * MINUTE, signal);
    return `${document.verdict} ${document.warnings.map(({ kind }) => kind)}`;
  };
  assert.equal(await look(0, busy(5)), 'well ');
  assert.equal(await look(5, busy(5)), 'well ');
  assert.equal(await look(7, busy(5)), 'unknown in_flight');
  assert.equal(await look(8, busy(4)), 'well ');
  assert.equal(await look(8, busy(4, 7 * 3600)), 'unknown in_flight');
});

test('a job that waits for hours is a problem, unless its queue says how long the oldest has waited', async () => {
  const waiting = [told('job-1', 7 * 60, { state: 'QUEUED' }), told('job-2', 5 * 60, { state: 'QUEUED' })];
  const document = await run([source(waiting)]);
  assert.deepEqual([problems(document), document.problems[0]!.says], [['job_waits job-1'], 'has waited for 7h']);
  assert.deepEqual(problems(await run([source(waiting)], { queued_after_ms: 8 * 3_600_000 })), []);
  // Also one from before the time looked at.
  assert.deepEqual(problems(await run([source([told('job-3', 3 * 24 * 60, { state: 'QUEUED' })])])), [
    'job_waits job-3',
  ]);
  const depth = { waiting: 2, in_flight: 0, oldest_seconds: 25_200, dead_letters: null };
  assert.deepEqual(problems(await run([source(waiting, {}, depth)])), ['queue_old test:']);
});

test('notes of a source are warnings that leave the verdict as it is', async () => {
  const document = await run([source([told('job-1', 1)], { notes: ['2 lines are in another language'] })]);
  assert.deepEqual(
    [document.verdict, document.warnings.map(({ says }) => says)],
    ['well', ['2 lines are in another language']],
  );
});
