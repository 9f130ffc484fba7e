/**
 * kill -9 of the server, twenty times, in the middle of a load of 200 jobs with 8 workers. What was acknowledged is there,
 * every job ends exactly once, no transcript is written twice, and the journal's chain holds.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { sendUntilAnswered } from '../../agent/send-until-answered.ts';
import type { Transcript } from '../../protocol/transcript.ts';
import { LeaseExpiredError, type TranscriptionAPI } from '../../sdk/typescript/index.ts';
import { decodeSegment, NO_HASH } from '../../server/journal/segment.ts';
import type { JournalEvent } from '../../server/state-machine/events.ts';
import { startTestMonitor, type TestMonitor } from '../processes/tmon.ts';

const JOBS = 200;
const WORKERS = 8;
const KILLS = 20;

test('a server killed twenty times under load loses nothing that it acknowledged, and does nothing twice', async (t) => {
  const monitor = await startTestMonitor(t);
  const killer = new Killer(monitor);
  const workers = Array.from({ length: WORKERS }, (_, i) => work(monitor.api, `worker-${i + 1}`, killer));
  const submitted = await submitAll(monitor.api, killer);
  const completions = (await Promise.all(workers)).flat();
  await killer.idle();
  assert.equal(killer.kills, KILLS);

  assert.equal(new Set(submitted).size, JOBS);
  assert.deepEqual(completions.sort(), [...submitted].sort(), 'each job was completed by exactly one worker');
  for (const job_id of submitted) {
    const job = await monitor.api.jobs.get(job_id);
    assert.equal(job.state, 'COMPLETED', job_id);
    assert.equal((await monitor.api.jobs.transcript(job_id, 'json')).text, `words of ${job_id}`);
  }

  await monitor.stop();
  const events = readChain(monitor.directory);
  const counted = (type: string) => events.filter((event) => event.type === type).map(({ entity }) => entity);
  assert.deepEqual(counted('JobCompleted').sort(), [...submitted].sort(), 'each job ended once');
  assert.deepEqual(counted('JobSubmitted').sort(), [...submitted].sort(), 'no submission was lost or doubled');
  assert.equal(new Set(events.map(({ id }) => id)).size, events.length, 'no event id stands twice');
  const transcripts = readdirSync(join(monitor.directory, 'transcripts'));
  assert.deepEqual(transcripts.sort(), submitted.map((job_id) => `${job_id}.json`).sort());
});

/** Kills the server whenever another ninth of what is to be done has been, and starts it again. */
class Killer {
  readonly #monitor: TestMonitor;
  #done = 0;
  kills = 0;
  #restarting: Promise<void> = Promise.resolve();

  constructor(monitor: TestMonitor) {
    this.#monitor = monitor;
  }

  /** One request more was answered. */
  note(): void {
    this.#done += 1;
    if (this.kills === KILLS || this.#done < (this.kills + 1) * ((JOBS * 2) / (KILLS + 1))) return;
    this.kills += 1;
    this.#restarting = this.#restarting.then(async () => {
      await this.#monitor.kill();
      await this.#monitor.restart();
    });
  }

  idle(): Promise<void> {
    return this.#restarting;
  }
}

async function submitAll(api: TranscriptionAPI, killer: Killer): Promise<string[]> {
  const ids: string[] = [];
  const next = Array.from({ length: JOBS }, (_, i) => i);
  const submitter = async () => {
    for (let i = next.pop(); i !== undefined; i = next.pop()) {
      const audio_url = `s3://calls/${i}.wav`;
      const job = await sendUntilAnswered((call) => api.jobs.submit({ audio_url }, { ...call, retries: 0 }));
      ids.push(job.job_id);
      killer.note();
    }
  };
  await Promise.all(Array.from({ length: 4 }, submitter));
  return ids;
}

/** Claims and completes until all jobs are done; answers those whose completion was acknowledged to it. */
async function work(api: TranscriptionAPI, worker_id: string, killer: Killer): Promise<string[]> {
  const completed: string[] = [];
  const patiently = <T>(send: Parameters<typeof sendUntilAnswered<T>>[0]) =>
    sendUntilAnswered<T>((call) => send({ ...call }));
  await patiently((call) =>
    api.workers.register(worker_id, { capabilities: { model: 'test' } }, { ...call, retries: 0 }),
  );
  for (;;) {
    const { jobs } = await patiently((call) =>
      api.workers.claim(worker_id, { max_jobs: 1, wait_seconds: 1 }, { ...call, retries: 0 }),
    );
    for (const { job, lease } of jobs) {
      const { job_id } = job;
      const report = { lease_token: lease.token, percentage: 50, stage: 'TRANSCRIBING' };
      await api.jobs.reportProgress(job_id, report, { retries: 0 }).catch((error: unknown) => {
        if (error instanceof LeaseExpiredError) throw error;
      });
      const output = await patiently((call) =>
        api.jobs.putTranscript(job_id, lease.token, transcriptOf(job_id), { ...call, retries: 0 }),
      );
      const { s3_path, segments_count, confidence_score } = output;
      const body = { lease_token: lease.token, output: { s3_path, segments_count, confidence_score } };
      await patiently((call) => api.jobs.complete(job_id, body, { ...call, retries: 0 }));
      completed.push(job_id);
      killer.note();
    }
    if (jobs.length > 0) continue;
    const { jobs: counts } = await patiently(() => api.system.metrics({ retries: 0 }));
    if ((counts.COMPLETED ?? 0) === JOBS) return completed;
  }
}

function transcriptOf(job_id: string): Transcript {
  const text = `words of ${job_id}`;
  const segment = { id: 0, start_seconds: 0, end_seconds: 1, text, confidence: null };
  return { text, language: 'en', duration_seconds: 1, engine: 'test', segments: [segment] };
}

/** Every event of the journal, its chain checked from the first segment to the last. */
function readChain(directory: string): JournalEvent[] {
  const { journal_id } = JSON.parse(readFileSync(join(directory, 'meta/format.json'), 'utf8')) as {
    journal_id: string;
  };
  const events: JournalEvent[] = [];
  let prev = NO_HASH;
  for (const [i, name] of readdirSync(join(directory, 'journal')).sort().entries()) {
    const segment = decodeSegment(readFileSync(join(directory, 'journal', name)), { journal_id, seq: i + 1 });
    assert.equal(segment.header.prev, prev, `${name} follows the one before it`);
    prev = segment.hash;
    events.push(...segment.lines.map((line) => JSON.parse(line) as JournalEvent));
  }
  return events;
}
