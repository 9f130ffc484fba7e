import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Sighting } from '../../protocol/sighting.ts';
import type { Source } from '../../sources/source.ts';
import { systemClock } from '../clock.ts';
import { forgetJobs, Monitor } from '../state-machine/testing.ts';
import { Following } from './following.ts';
import { type ObserveCommand, type Observing, observe } from './observe.ts';

const SOURCE = 'log:/var/log/worker.log';
const monitorNow = () => new Monitor().at_ms;

const completed = (job_id: string, more: Partial<Sighting> = {}): Sighting => ({
  job_id,
  state: 'COMPLETED',
  told_ms: monitorNow() - 1000,
  worker_id: 'worker-1',
  started_ms: monitorNow() - 61_000,
  ended_ms: monitorNow() - 1000,
  percentage: null,
  stage: null,
  audio_duration: null,
  duration: null,
  segments: 3,
  s3_path: null,
  error: null,
  ...more,
});

/** A monitor whose archive is a map. */
function observing() {
  const monitor = new Monitor();
  const archive = new Map<string, ReturnType<Monitor['job']>>();
  const seen = { reads: 0, at_once: 0, at_once_max: 0, commands: [] as ObserveCommand[] };
  const forget = (job_id: string) => {
    const job = monitor.job(job_id);
    archive.set(job_id, job);
    monitor.run(forgetJobs([job], monitor.at_ms));
  };
  const with_: Observing = {
    engine: monitor,
    catchUp: async () => {},
    async archived(job_id) {
      seen.reads += 1;
      seen.at_once += 1;
      seen.at_once_max = Math.max(seen.at_once_max, seen.at_once);
      await Promise.resolve();
      seen.at_once -= 1;
      const job = archive.get(job_id);
      return job && { job, pack: monitor.state.tables.packed_recently.get(job_id)! };
    },
    async submit(body) {
      seen.commands.push(body);
      if (body.sightings.length > 0) monitor.run(body);
      return { refs: [], replayed: false };
    },
  };
  return { monitor, forget, seen, with_ };
}

test('a forgotten job is found in the archive, and not created again', async () => {
  const { monitor, forget, with_ } = observing();
  assert.equal((await observe(with_, SOURCE, [completed('job-1')])).taken, 1);
  forget('job-1');
  assert.deepEqual(await observe(with_, SOURCE, [completed('job-1')]), { taken: 0, known: 1, refused: [] });
  assert.equal(monitor.state.job('job-1'), undefined);
});

test('a forgotten job with news returns to memory with everything known about it', async () => {
  const { monitor, forget, with_ } = observing();
  await observe(with_, SOURCE, [completed('job-1', { segments: null })]);
  forget('job-1');
  const more = completed('job-1', { worker_id: null, started_ms: null, s3_path: 's3://transcripts/1.json' });
  assert.equal((await observe(with_, SOURCE, [more])).taken, 1);
  const { run, output } = monitor.job('job-1');
  assert.deepEqual([run?.worker_id, output?.s3_path], ['worker-1', 's3://transcripts/1.json']);
});

test('a job that leaves memory between the lookup and the commit is looked up again', async () => {
  const parts = observing();
  await observe(parts.with_, SOURCE, [completed('job-1')]);
  const { submit } = parts.with_;
  let first = true;
  parts.with_.submit = (body) => {
    if (first) parts.forget('job-1');
    first = false;
    return submit(body);
  };
  const more = completed('job-1', { s3_path: 's3://transcripts/1.json' });
  assert.deepEqual(await observe(parts.with_, SOURCE, [more]), { taken: 1, known: 0, refused: [] });
  assert.equal(parts.monitor.job('job-1').output?.segments_count, 3);
  assert.equal(parts.seen.commands.length, 3);
});

test('many archived jobs with news return in several commands, which a repeated request completes', async () => {
  const parts = observing();
  const jobs = Array.from({ length: 120 }, (_, i) => completed(`job-${i}`));
  await observe(parts.with_, SOURCE, jobs);
  for (const { job_id } of jobs) parts.forget(job_id);
  const news = jobs.map((job) => ({ ...job, s3_path: `s3://transcripts/${job.job_id}.json` }));
  const { submit } = parts.with_;
  parts.with_.submit = (body) => {
    if (parts.monitor.state.tables.jobs.size > 0) throw new Error('the connection is gone');
    return submit(body);
  };
  await assert.rejects(observe(parts.with_, SOURCE, news), /gone/);
  const first = parts.monitor.state.tables.jobs.size;
  assert.ok(first > 0 && first < 120, `${first} of 120`);
  let repeated = true;
  parts.with_.submit = async (body) => {
    if (!repeated) return submit(body);
    repeated = false;
    const refs = [...parts.monitor.state.tables.jobs.keys()].map((job_id) => ['JobObserved', job_id] as const);
    return { refs, replayed: true };
  };
  assert.deepEqual(await observe(parts.with_, SOURCE, news), { taken: 120, known: 0, refused: [] });
  assert.equal(parts.monitor.state.tables.jobs.size, 120);
  for (const { job_id } of news)
    assert.equal(parts.monitor.job(job_id).output?.s3_path, `s3://transcripts/${job_id}.json`);
});

test('a job that leaves memory before every commit is an error, not lost', async () => {
  const parts = observing();
  await observe(parts.with_, SOURCE, [completed('job-1')]);
  parts.forget('job-1');
  parts.with_.submit = async () => ({ refs: [], replayed: false });
  const more = completed('job-1', { s3_path: 's3://transcripts/1.json' });
  await assert.rejects(observe(parts.with_, SOURCE, [more]), { kind: 'unavailable', code: 'archive_busy' });
});

test('the archive is not read while no job was ever forgotten; then a few reads run at a time', async () => {
  const { seen, forget, with_ } = observing();
  const jobs = Array.from({ length: 100 }, (_, i) => completed(`job-${i}`));
  await observe(with_, SOURCE, jobs.slice(0, 1));
  assert.equal(seen.reads, 0);
  forget('job-0');
  await observe(with_, SOURCE, jobs);
  assert.equal(seen.reads, 100);
  assert.ok(seen.at_once_max <= 16, `${seen.at_once_max} at once`);
});

test('a sighting with an invalid id is refused alone', async () => {
  const { monitor, with_ } = observing();
  const { taken, refused } = await observe(with_, SOURCE, [
    completed('../etc'),
    completed('job-2', { worker_id: 'a b' }),
    completed('job-3'),
  ]);
  assert.deepEqual(
    [taken, refused.map(({ job_id, code }) => `${job_id} ${code}`)],
    [1, ['../etc invalid_id', 'job-2 invalid_id']],
  );
  assert.equal(monitor.state.tables.jobs.size, 1);
});

test('a source that is read in full repeatedly costs one archive lookup per job', async (t) => {
  const { seen, forget, with_ } = observing();
  const jobs = Array.from({ length: 100 }, (_, i) => completed(`job-${i}`));
  await observe(with_, SOURCE, jobs);
  for (const { job_id } of jobs) forget(job_id);
  let readings = 0;
  const fourth = Promise.withResolvers<void>();
  const source: Source = {
    name: SOURCE,
    async *read() {
      readings += 1;
      if (readings === 4) fourth.resolve();
      const sightings = readings < 3 ? jobs : [{ ...jobs[0]!, s3_path: 's3://transcripts/0.json' }, ...jobs.slice(1)];
      yield { sightings, position: null, unreadable: [], looked_at: 100, async done() {} };
    },
    async close() {},
  };
  const parts = { observing: with_, clock: systemClock, poll_ms: 0, since_ms: 0, log: () => {} };
  const following = new Following({ url: SOURCE, open: async () => source, ...parts });
  following.start();
  t.after(() => following.stop());
  await fourth.promise;
  assert.equal(seen.reads, 101, 'each once, and the job with news once more');
  assert.equal(following.status.jobs_taken, 1);
});
