import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { formatTime } from '../../../protocol/time.ts';
import { type Json, openMonitor } from '../../../test/servers/monitor.ts';
import { hold, submit } from '../../../test/servers/steps.ts';

const monitor = await openMonitor({ after });

const SOURCE = 's3://status-bucket/some/where';
const at = `/sources/${encodeURIComponent(SOURCE)}/jobs`;
const now_ms = Date.now();
const ago = (seconds: number) => formatTime(now_ms - seconds * 1000);

const processing = (job_id: string) => ({
  job_id,
  state: 'PROCESSING',
  told_at: ago(30),
  worker_id: 'worker-elsewhere',
  started_at: ago(60),
  percentage: 45,
  stage: 'TRANSCRIBING',
});
const completed = (job_id: string) => ({
  job_id,
  state: 'COMPLETED',
  told_at: ago(5),
  ended_at: ago(5),
  segments: 150,
});

const report = (jobs: Json[], headers: Record<string, string> = {}) => monitor.post(at, { jobs }, headers);

test('jobs reported by a source are shown like any other, and found by their source', async () => {
  const { status, body } = await report([processing('job-seen'), { ...completed('job-done'), worker_id: 'worker-2' }]);
  assert.deepEqual([status, body], [200, { taken: 2, known: 0, refused: [] }]);
  const { body: job } = await monitor.get('/jobs/job-seen');
  assert.deepEqual([job.state, job.started_at, job.progress.percentage], ['PROCESSING', ago(60), 45]);
  assert.deepEqual([job.worker.worker_id, job.metadata], ['worker-elsewhere', { source: SOURCE }]);
  const { body: list } = await monitor.get(`/jobs?tag=${encodeURIComponent(`source:${SOURCE}`)}`);
  assert.equal(list.items.length, 2);
  const { body: worker } = await monitor.get('/workers/worker-elsewhere');
  assert.deepEqual([worker.state, worker.current_job.job_id], ['ACTIVE', 'job-seen']);
});

test('repeated sightings change nothing, and count as known', async () => {
  const seq = (await monitor.get('/jobs/job-seen')).body.as_of_seq;
  const { body } = await report([processing('job-seen'), completed('job-done')]);
  assert.deepEqual(body, { taken: 0, known: 2, refused: [] });
  assert.equal((await monitor.get('/jobs/job-seen')).body.as_of_seq, seq);
});

test('a request repeated with its key returns the first result', async () => {
  const jobs = [processing('job-once'), processing('job-twice')];
  const first = await report(jobs, { 'idempotency-key': 'once' });
  const again = await report(jobs, { 'idempotency-key': 'once' });
  assert.deepEqual(first.body, { taken: 2, known: 0, refused: [] });
  assert.deepEqual(again.body, first.body);
});

test('sightings of a job of this queue are refused separately, whether it waits or runs', async () => {
  const held = await hold(monitor);
  const { job_id } = await submit(monitor);
  const { body } = await report([processing(held.id), processing(job_id), processing('job-fine')]);
  assert.equal(body.taken, 1);
  assert.deepEqual(
    body.refused.map((job: Json) => [job.job_id, job.code]),
    [
      [held.id, 'job_of_this_queue'],
      [job_id, 'job_of_this_queue'],
    ],
  );
  assert.equal((await monitor.get(`/jobs/${held.id}`)).body.progress.percentage, 0);
});

test('an invalid sighting refuses the request with its place', async () => {
  for (const [bad, field] of [
    [{ ...processing('job-bad'), state: 'LOST' }, '/jobs/0/state'],
    [{ ...processing('no id'), told_at: ago(1) }, '/jobs/0/job_id'],
    [{ ...processing('job-bad'), told_at: 'yesterday' }, '/jobs/0/told_at'],
    [{ ...processing('job-bad'), more: 1 }, '/jobs/0'],
  ] as const) {
    const { status, body } = await report([bad]);
    assert.equal(status, 400);
    assert.match(body.errors[0].field, new RegExp(`^${field}`));
  }
  const many = Array.from({ length: 1001 }, (_, i) => processing(`job-${i}`));
  assert.equal((await report(many)).status, 400);
});

test('an end before its start refuses the request with the field', async () => {
  const { status, body } = await report([
    processing('job-first'),
    { ...completed('job-crossed'), started_at: ago(4), ended_at: ago(5) },
  ]);
  assert.deepEqual([status, body.code, body.errors[0].field], [400, 'invalid_body', '/jobs/1/ended_at']);
  assert.equal((await monitor.get('/jobs/job-first')).status, 404);
});

test('a request takes 1,000 jobs', async () => {
  const jobs = Array.from({ length: 1000 }, (_, i) => completed(`job-many-${i}`));
  assert.deepEqual((await report(jobs)).body, { taken: 1000, known: 0, refused: [] });
});

test('the list of followed sources is empty by default', async () => {
  assert.deepEqual((await monitor.get('/sources')).body, { items: [], next_cursor: null });
});

test('history imported again after it was archived is not duplicated', async (t) => {
  const small = await openMonitor(t, { finished_max: 0, finished_window_ms: 0 });
  const jobs = [completed('job-a'), completed('job-b'), { ...completed('job-c'), state: 'FAILED', error: 'noise' }];
  const first = await small.post(at, { jobs });
  assert.deepEqual(first.body, { taken: 3, known: 0, refused: [] });
  await small.until('/system/metrics', ({ jobs: states }) => states.COMPLETED + states.FAILED === 0);
  const before = (await small.get('/jobs/job-a')).body;
  const again = await small.post(at, { jobs });
  assert.deepEqual(again.body, { taken: 0, known: 3, refused: [] });
  assert.deepEqual((await small.get('/jobs/job-a')).body, before);
  assert.equal((await small.get('/jobs')).body.items.length, 3);
  const restarted = { ...processing('job-c'), started_at: ago(2), told_at: ago(1) };
  assert.deepEqual((await small.post(at, { jobs: [restarted] })).body.taken, 1);
  assert.equal((await small.get('/jobs/job-c')).body.state, 'PROCESSING');
});
