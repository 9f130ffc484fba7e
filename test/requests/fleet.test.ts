/** The cost of a monitor on a bucket, counted in puts: limits that hold for any speed of the machine. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countBusyFleet, countIdleHour, type FleetPuts } from './fleet.ts';

const PUTS_PER_JOB_MAX = 6;
const PUTS_PER_REPORT_MAX = 0.25;
const PUTS_PER_IDLE_HOUR_MAX = 60;

const inWords = ({ puts, jobs, puts_by_folder }: FleetPuts) =>
  `${(puts / jobs).toFixed(2)} puts a job: ${JSON.stringify(puts_by_folder)}`;

test('with 16 busy workers a short job costs at most 6 puts, its progress reports included', async (t) => {
  const counted = await countBusyFleet(t, { workers: 16, job_seconds: 10, report_seconds: 2, seconds: 60 });
  assert.ok(counted.jobs >= 90, `${counted.jobs} jobs`);
  assert.ok(counted.puts <= PUTS_PER_JOB_MAX * counted.jobs, inWords(counted));
});

test('with 16 busy workers a progress report of a long job costs at most a quarter of a put', async (t) => {
  const work = { workers: 16, job_seconds: 300, seconds: 300 };
  const silent = await countBusyFleet(t, { ...work, report_seconds: null });
  const reported = await countBusyFleet(t, { ...work, report_seconds: 5 });
  assert.deepEqual([silent.jobs, reported.jobs], [16, 16]);
  const per_report = (reported.puts - silent.puts) / reported.reports;
  assert.ok(per_report <= PUTS_PER_REPORT_MAX, `${per_report}; ${inWords(silent)}; ${inWords(reported)}`);
});

test('an idle hour costs at most 60 puts', async (t) => {
  assert.ok((await countIdleHour(t)) <= PUTS_PER_IDLE_HOUR_MAX);
});
