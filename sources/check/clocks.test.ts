/** Times of another zone are recognised by being off by as many minutes, look after look. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Check } from './check.ts';
import { nearestOf } from './clocks.ts';
import { CheckMemory } from './memory.ts';
import { MINUTE, NOW, problems, source, told } from './testing-sources.ts';

const { signal } = new AbortController();

/** Looks every minute at a worker that reports progress until it dies, with its times shifted by `off` minutes (positive: behind). */
function looks(off: number, { dies = Infinity, gone = 0, local_minutes = 0 } = {}) {
  const memory = new CheckMemory();
  return async (minute: number) => {
    const at = Math.min(minute, dies) - gone;
    const shift = (minutes: number) => -minutes + off;
    const job = told('job-1', shift(at - 0.2), {
      percentage: Math.min(99, 60 + Math.max(0, at)),
      started_ms: NOW - (90 + off) * MINUTE,
    });
    const document = await new Check([source([job], { without_zone: true })], { local_minutes }, memory).run(
      NOW + minute * MINUTE,
      signal,
    );
    const zones = document.warnings.filter(({ kind }) => kind === 'zone').map(({ says }) => says);
    return { verdict: document.verdict, problems: problems(document), zones };
  };
}

test('a worker that reports local times is unknown, not stuck, with the option that makes them right', async () => {
  for (const [off, option] of [
    [300, /^its times are 5h behind \(job-1\): .* --zone=-05:00, or \?zone=-05:00 on the URL$/],
    [-60, /^its times are 1h ahead .* --zone=\+01:00/],
    [-330, /--zone=\+05:30/],
    [210, /--zone=-03:30/],
  ] as const) {
    const look = looks(off);
    for (const minute of [0, 1, 2, 3, 30]) {
      const { verdict, problems: wrong, zones } = await look(minute);
      assert.deepEqual([verdict, wrong, zones.length], ['unknown', [], 1], `${off} at ${minute}`);
      assert.match(zones[0]!, option);
    }
  }
});

test('a worker whose reports are late by as much as no zone is off is stuck once it dies', async () => {
  for (const off of [30, 45, 75, 195, 285]) {
    const look = looks(off, { dies: 2 });
    await look(0);
    await look(1);
    for (const minute of [2, 20]) {
      const { verdict, zones } = await look(minute);
      assert.deepEqual([verdict, zones], ['wrong', []], `${off} at ${minute}`);
    }
  }
});

test('at the first look, two workers that are as far behind are of another zone, one only if it is to the minute', async () => {
  const first = async (seconds: number[], done: number[] = []) => {
    const job = (lag: number, index: number, more: object = {}) => ({
      ...told(`job-${index}`, 0, { percentage: 60, started_ms: NOW - lag * 1000 - 10 * MINUTE, ...more }),
      worker_id: `worker-${index}`,
      told_ms: NOW - lag * 1000,
    });
    const jobs = [
      ...seconds.map((lag, index) => job(lag, index)),
      ...done.map((lag, index) => job(lag, 100 + index, { state: 'COMPLETED' })),
    ];
    const { verdict } = await new Check([source(jobs, { without_zone: true })], { local_minutes: 0 }).run(NOW, signal);
    return verdict;
  };
  const hours = (count: number) => count * 3600;
  assert.equal(await first([hours(5) + 200, hours(5) + 130]), 'unknown');
  assert.equal(await first([hours(5) + 200], [hours(5) + 100]), 'unknown');
  assert.equal(await first([hours(5) + 20]), 'unknown');
  assert.equal(await first([hours(3.5) + 20]), 'unknown');
  // Dead: one that is not to the minute, one of no such zone, and one beside whom another works.
  assert.equal(await first([hours(5) + 200]), 'wrong');
  assert.equal(await first([hours(5.25) + 20]), 'wrong');
  assert.equal(await first([hours(5) + 20], [30]), 'wrong');
  assert.equal(await first([hours(5) + 200, hours(5) + 130], [30]), 'wrong');
});

test('a worker that has been dead for as long as a zone is off is dead', async () => {
  const look = looks(0, { dies: 0, gone: 45 });
  for (const minute of [0, 1, 2, 15, 16]) {
    assert.deepEqual((await look(minute)).problems, ['job_stuck job-1', 'worker_quiet worker-1'], `${minute}`);
  }
});

test('on a machine of the same zone one look is enough; a worker that dies is found by its times, put right', async () => {
  const look = looks(300, { dies: 5, local_minutes: -300 });
  for (const minute of [0, 1, 2, 5, 8]) assert.equal((await look(minute)).verdict, 'unknown');
  assert.deepEqual((await look(60)).problems, ['job_stuck job-1', 'worker_quiet worker-1']);
});

test('a worker whose times are right is never taken for one of another zone', async () => {
  const look = looks(0);
  for (let minute = 0; minute < 36; minute += 1) assert.equal((await look(minute)).verdict, 'well');
  // Nor is one that reports once an hour, always as long before the look.
  const memory = new CheckMemory();
  for (let hour = 0; hour < 6; hour += 1) {
    const at_ms = NOW + hour * 60 * MINUTE;
    const job = {
      ...told('job-1', 0, { percentage: 20 + 10 * hour, started_ms: NOW - 120 * MINUTE }),
      told_ms: at_ms - 31 * MINUTE,
    };
    assert.equal(
      (await new Check([source([job], { without_zone: true })], { local_minutes: 0 }, memory).run(at_ms, signal))
        .verdict,
      'well',
      `hour ${hour}`,
    );
  }
});

test('a table may have a million tellers', () => {
  const now_ms = Date.UTC(2026, 0, 1);
  const told = new Float64Array(1_000_000).fill(now_ms - 5 * 3_600_000);
  assert.deepEqual(nearestOf([...told], now_ms), { off_ms: 5 * 3_600_000, tellers: 1_000_000 });
});
