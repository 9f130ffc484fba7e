/** Two monitors on one bucket: changes at one are visible at the other, and nothing is lost or done twice. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Claimed, Job } from '../../protocol/job.ts';
import { S3Store } from '../../server/objects/s3.ts';
import { createBucket, testBucket } from '../conformance/object-store-s3.ts';
import { type Monitor, openMonitor } from '../servers/monitor.ts';
import { motoCredentials, startMoto } from '../servers/moto.ts';
import type { TestServer } from '../servers/start.ts';
import { AUDIO, type claim, complete, completion, fail, register, submit } from '../servers/steps.ts';
import { countByEntity, readJournal } from './read-journal.ts';

let moto: TestServer;

before(async () => {
  moto = await startMoto();
  await createBucket(moto.endpoint, motoCredentials);
});
after(() => moto.stop());

function openBucket(prefix: string): Promise<S3Store> {
  const client = { endpoint: moto.endpoint, region: 'us-east-1', credentials: motoCredentials };
  return S3Store.open({ bucket: testBucket, prefix, client });
}

async function openTwo(t: Parameters<typeof openMonitor>[0], prefix: string): Promise<[Monitor, Monitor]> {
  const open = async () => {
    const quick = { tail_poll_ms: 20, soft_linger_ms: 20 };
    return openMonitor(t, { store: `s3://${testBucket}/${prefix}`, objects: await openBucket(prefix), ...quick });
  };
  return [await open(), await open()];
}

const seqOf = ({ headers }: { headers: Headers }) => Number(headers.get('tmon-seq'));

test('a job submitted at one is claimed, reported and read at the other', async (t) => {
  const [one, two] = await openTwo(t, 'handed-over');
  await register(two);
  const waiting = two.post<Claimed>('/workers/worker-1/claim', { wait_seconds: 20 });
  const { job_id } = await submit(one);
  const held = (await waiting).body.jobs[0]!;
  assert.equal(held.job.job_id, job_id);
  const token = held.lease.token;
  const report = { lease_token: token, percentage: 50 };
  assert.equal((await one.put(`/jobs/${job_id}/progress`, report)).status, 202, 'a lease counts everywhere');
  const beat = await one.post('/workers/worker-1/heartbeat', { leases: [token] });
  assert.equal(beat.body.leases[0]?.token, token);
  const done = await one.post<Job>(`/jobs/${job_id}/complete`, completion(token));
  assert.equal(done.body.state, 'COMPLETED');
  const read = await two.get<Job>(`/jobs/${job_id}?min_seq=${seqOf(done)}`);
  assert.deepEqual(read.body, done.body);
});

test('min_seq shows at one what was written at the other; an unknown id is looked up first', async (t) => {
  const [one, two] = await openTwo(t, 'min-seq');
  for (let n = 0; n < 10; n++) {
    const [here, there] = n % 2 === 0 ? [one, two] : [two, one];
    const written = await here.post<Job>('/jobs', { audio_url: AUDIO });
    const list = await there.get(`/jobs?min_seq=${seqOf(written)}`);
    assert.equal(list.body.items[0].job_id, written.body.job_id);
    const { body } = await here.post<Job>('/jobs', { audio_url: AUDIO });
    assert.equal((await there.get(`/jobs/${body.job_id}`)).status, 200);
  }
});

test('the same key at both instances at the same time takes effect once', async (t) => {
  const [one, two] = await openTwo(t, 'one-key');
  for (let n = 0; n < 5; n++) {
    const key = { 'idempotency-key': `both-${n}` };
    const responses = await Promise.all(
      [one, two, one, two].map((at) => at.post<Job>('/jobs', { audio_url: AUDIO }, key)),
    );
    assert.deepEqual(new Set(responses.map(({ status }) => status)), new Set([201]));
    assert.equal(new Set(responses.map(({ body }) => body.job_id)).size, 1);
  }
  assert.equal((await one.get('/jobs')).body.items.length, 5);
});

test('both are under load and one of them stops: every job ends exactly once', async (t) => {
  const JOBS = 30;
  const prefix = 'under-load';
  const instances = await openTwo(t, prefix);
  const [one, two] = instances;
  const ids: string[] = [];
  let submitted = 0;
  const submitter = async (n: number) => {
    while (submitted < JOBS) {
      submitted += 1;
      ids.push((await submit(instances[n % 2]!)).job_id);
    }
  };
  /** Claims at one instance, reports at the other. */
  const worker = async (n: number) => {
    const name = `worker-${n}`;
    const [here, there] = n % 2 === 0 ? [one, two] : [two, one];
    await register(here, name);
    for (let done = 0; done < JOBS / 2 / 6; done++) {
      const [held] = await claimOne(here, name);
      if (done === 0) await fail(there, held!, true);
      else await complete(there, held!);
    }
  };
  await Promise.all([0, 1, 2, 3].map(submitter));
  await Promise.all([0, 1, 2, 3, 4, 5].map(worker));
  await one.stop();
  await register(two, 'worker-last');
  while ((await two.get('/system/metrics')).body.jobs.COMPLETED < JOBS) {
    const [held] = await claimOne(two, 'worker-last');
    assert.ok(held, 'a job is neither waiting nor done');
    await complete(two, held);
  }
  await two.stop();

  const events = await readJournal(await openBucket(prefix));
  const completed = countByEntity(events, 'JobCompleted');
  assert.deepEqual(new Set(countByEntity(events, 'JobSubmitted').keys()), new Set(ids));
  assert.deepEqual(new Set(completed.keys()), new Set(ids));
  assert.deepEqual(new Set(completed.values()), new Set([1]));
  assert.equal(countByEntity(events, 'JobSubmitted').size, JOBS);
});

/** Waits for one. */
async function claimOne(monitor: Monitor, worker_id: string): ReturnType<typeof claim> {
  const { body } = await monitor.post<Claimed>(`/workers/${worker_id}/claim`, { max_jobs: 1, wait_seconds: 20 });
  return body.jobs.map((held) => ({ ...held, id: held.job.job_id, token: held.lease.token }));
}
