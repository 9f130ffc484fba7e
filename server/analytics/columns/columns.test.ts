/** Column files: every job has one row, wherever it is, and the row is what the job's document shows. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { sightingOf } from '../../../protocol/sighting.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../../protocol/time.ts';
import { readArchivedJob } from '../../views/archived-records.ts';
import { keysIn } from '../../views/testing-monitor.ts';
import { openAnalytics, openReader } from '../testing-analytics.ts';
import { makeColumns } from './making.ts';
import { attemptRows, jobRow } from './rows.ts';
import { writeColumns } from './writing.ts';

const SOON = { finished_window_ms: HOUR_MS };

test('[A103] a job has one row in job_states: while it is in memory, in a pack, and in a column file', async () => {
  const analytics = await openAnalytics(SOON);
  const { monitor, clock, store } = analytics;
  await monitor.do({
    type: 'register_worker',
    worker_id: 'worker-1',
    registration: {
      capabilities: { model: 'large-v3', device: 'cuda' },
      location: { instance_type: 'g4dn.xlarge', spot_price: 0.36 },
    },
  });
  await monitor.submit('job-1', 'job-2');
  await monitor.claim('worker-1');
  await clock.turn(10 * MINUTE_MS);
  await monitor.complete('job-1');
  const record = monitor.job('job-1');
  const sql = `SELECT * FROM job_states WHERE job_id = 'job-1'`;
  const shown = () => analytics.rows(sql).then((rows) => rows.map((row) => JSON.stringify(row)));
  const inMemory = await shown();
  assert.equal(inMemory.length, 1);
  const [row] = await analytics.rows(sql);
  const { model, device, instance_type, cost_usd, processing_time_seconds, duration_seconds } = row!;
  assert.deepEqual(
    { model, device, instance_type, cost_usd, processing_time_seconds, duration_seconds },
    {
      model: 'large-v3',
      device: 'cuda',
      instance_type: 'g4dn.xlarge',
      cost_usd: 0.06,
      processing_time_seconds: 600,
      duration_seconds: 4860,
    },
  );
  assert.equal((await analytics.rows('SELECT * FROM job_states')).length, 2, 'a job that waits has a row, too');
  assert.equal((await analytics.rows('SELECT * FROM job_attempts')).length, 1);

  await clock.turn(2 * HOUR_MS);
  await analytics.archive();
  assert.equal(monitor.engine.state.job('job-1'), undefined);
  assert.deepEqual(await shown(), inMemory, 'in a pack');
  await clock.turn(2 * HOUR_MS);
  assert.equal(await analytics.write(), 1);
  assert.deepEqual(await shown(), inMemory, 'in a column file');
  assert.deepEqual(
    (await keysIn(store, 'analytics/')).map((key) => key.replace(/[0-9A-Z]{26}/, 'NAME')),
    ['analytics/job_attempts/date=2025-07-07/NAME.parquet', 'analytics/job_states/date=2025-07-07/NAME.parquet'],
  );
  assert.equal(jobRow(record).job_id, 'job-1');
  assert.equal(attemptRows(record).length, 1);
  await analytics.close();
});

test('a job that returns and ends on another day has one row: that of its last end', async () => {
  const analytics = await openAnalytics({ finished_max: 0 });
  const { monitor, clock } = analytics;
  const report = (event: 'JOB_START' | 'JOB_COMPLETE', job_id = 'job-1') =>
    monitor.observe(
      'log:/a',
      sightingOf({ event, job_id, worker_id: 'worker-9', s3_path: 's3://t/1.json' }, clock.now()),
    );
  const days = () =>
    analytics.rows('SELECT job_id, DATE(completed_at) AS day, attempt FROM job_states ORDER BY job_id');
  for (const job_id of ['job-1', 'job-2']) await report('JOB_COMPLETE', job_id);
  await analytics.archive();
  await clock.turn(DAY_MS);
  await analytics.write();
  const job_2 = { job_id: 'job-2', day: '2025-07-07', attempt: '1' };
  assert.deepEqual(await days(), [{ job_id: 'job-1', day: '2025-07-07', attempt: '1' }, job_2]);

  await report('JOB_START');
  assert.deepEqual(await days(), [{ job_id: 'job-1', day: null, attempt: '2' }, job_2], 'in memory again');
  await clock.turn(MINUTE_MS);
  await report('JOB_COMPLETE');
  const last = [{ job_id: 'job-1', day: '2025-07-08', attempt: '2' }, job_2];
  assert.deepEqual(await days(), last);
  await analytics.archive();
  assert.deepEqual(await days(), last, 'in a pack, with its earlier row still in a file');
  await clock.turn(DAY_MS);
  await analytics.write();
  assert.deepEqual(await days(), last, 'in two files');
  const attempts = await analytics.rows('SELECT job_id, attempt FROM job_attempts ORDER BY ALL');
  assert.deepEqual(
    attempts.map((row) => Object.values(row).join(' ')),
    ['job-1 1', 'job-1 2', 'job-2 1'],
  );
  const { column_files, column_strays } = monitor.engine.state.tables;
  assert.deepEqual([[...column_files.values()].map(({ rows }) => rows).sort(), column_strays.size], [[1, 1], 0]);
  await analytics.close();
});

for (const damage of ['missing', 'changed'] as const) {
  test(`a column file that is ${damage} is named, and made again from the packs of its day`, async (t) => {
    const analytics = await openAnalytics({ finished_max: 0, job_views_days: 0 });
    const { monitor, clock, store } = analytics;
    const report = (job_id: string, back_ms: number) => {
      const line = { event: 'JOB_COMPLETE', job_id, worker_id: 'worker-9', s3_path: 's3://t/1.json' } as const;
      return monitor.observe('log:/a', sightingOf(line, clock.now() - back_ms));
    };
    for (let n = 0; n < 6; n++) {
      await report(`job-${n}`, (n % 2) * DAY_MS);
      await analytics.archive();
      await clock.turn(HOUR_MS);
    }
    await analytics.write();
    const sql = 'SELECT job_id, version FROM job_states ORDER BY ALL';
    const rows = await analytics.rows(sql);
    await report('job-0', -HOUR_MS);
    const [key] = await keysIn(store, 'analytics/job_states/');
    if (damage === 'missing') await store.delete(key!);
    else await store.put(key!, Buffer.from('PAR1'));
    const cache = await mkdtemp(join(tmpdir(), 'tmon-columns-'));
    t.after(() => rm(cache, { recursive: true, force: true }));
    const fresh = await openReader(store, clock, cache);
    await assert.rejects(fresh.refresh(), { code: 'columns_damaged', extra: { key } });
    const make = (now_ms: number) => makeColumns(fresh, now_ms);
    assert.ok((await writeColumns({ engine: monitor.engine, store, make })) > 0);
    await fresh.refresh();
    await fresh.close();
    assert.deepEqual(
      (await analytics.rows(sql)).map(({ job_id }) => job_id),
      rows.map(({ job_id }) => job_id),
    );
    await analytics.close();
  });
}

function numbers(seed: number): (below: number) => number {
  let state = seed * 2_654_435_761 + 1;
  return (below) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) | 0;
    return ((state ^ (state >>> 13)) >>> 0) % below;
  };
}

for (const seed of [1, 2, 3, 4]) {
  test(`after any history of ends, returns, merges and crashes each job has the one row that its record makes: ${seed}`, async () => {
    const analytics = await openAnalytics({ finished_max: 3, job_views_days: 0 });
    const { monitor, clock, store } = analytics;
    const next = numbers(seed);
    let names = 0;
    await monitor.register('worker-1');
    for (let step = 0; step < 80; step++) {
      switch (next(7)) {
        case 0: {
          const ids = Array.from({ length: 1 + next(4) }, () => `job-${names++}`);
          await monitor.submit(...ids);
          await monitor.claim('worker-1', ids.length);
          await clock.turn(1000 * (1 + next(100)));
          for (const id of ids) if (monitor.job(id).state === 'PROCESSING') await monitor.complete(id);
          break;
        }
        case 1: {
          const event = next(3) === 0 ? 'JOB_START' : 'JOB_COMPLETE';
          const line = {
            event,
            job_id: `seen-${next(4)}`,
            worker_id: `worker-${next(3)}`,
            s3_path: 's3://t/1',
          } as const;
          await monitor.observe('log:/a', sightingOf(line, clock.now() - next(2) * DAY_MS));
          break;
        }
        case 2:
          await clock.turn([MINUTE_MS, HOUR_MS, DAY_MS, 40 * DAY_MS][next(4)]!);
          break;
        case 3:
        case 4:
          await monitor.archive.runOnce();
          break;
        case 5:
          await analytics.write();
          break;
        default:
          await assertRows();
      }
    }
    await analytics.archive();
    await clock.turn(DAY_MS);
    await analytics.write();
    await assertRows();
    assert.ok(monitor.engine.state.tables.column_files.size > 0);
    await analytics.close();

    async function assertRows(): Promise<void> {
      const rows = await analytics.rows(
        `SELECT job_id, version, completed_at, attempt FROM job_states ORDER BY job_id`,
      );
      const { state } = monitor.engine;
      for (const { job_id, version } of rows) {
        const record = state.job(String(job_id)) ?? (await readArchivedJob(store, state, String(job_id)))?.job;
        assert.equal(version, String(record?.version), `${job_id}`);
      }
      const ids = rows.map(({ job_id }) => job_id);
      assert.equal(new Set(ids).size, ids.length, 'one row a job');
      const archived = state.scalars.archived_jobs;
      assert.equal(ids.length, state.tables.jobs.size + archived);
      const attempts = await analytics.rows(
        'SELECT count(*) AS n FROM (SELECT job_id, run FROM job_attempts GROUP BY ALL HAVING count(*) > 1)',
      );
      assert.equal(attempts[0]!.n, '0');
    }
  });
}
