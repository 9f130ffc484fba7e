/** kill -9 under load, repeatedly: every acknowledged job ends exactly once, no transcript is written twice. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { startTestMonitor, type TestMonitor } from '../processes/tmon.ts';
import { Caller } from '../servers/monitor.ts';
import { extent } from '../thorough.ts';
import { Load } from './load.ts';
import { countByEntity, readJournalOf } from './read-journal.ts';

const KILLS = extent(20, 3);
const JOBS = extent(200, 80);
const SETTINGS = { lease_ms: 2_000, worker_lost_ms: 600_000, worker_degraded_ms: 600_000, snapshot_segments: 40 };
/** Each job is submitted, claimed, stored and completed. */
const RESPONSES = 4 * JOBS;

async function finish(monitor: TestMonitor, load: Load): Promise<void> {
  const caller = new Caller(monitor.url);
  await caller.until('/system/metrics', ({ jobs }) => jobs.COMPLETED === JOBS);
  assert.equal(load.submitted.size, JOBS);
  assert.equal((await monitor.stop()).code, 0);
}

/** Reads the store after every monitor has stopped. */
async function assertOnceEach(directory: string, load: Load): Promise<void> {
  const ids = new Set(load.submitted.values());
  assert.equal(ids.size, JOBS, 'two submissions got the same job');
  const events = await readJournalOf(directory);
  const submitted = countByEntity(events, 'JobSubmitted');
  const completed = countByEntity(events, 'JobCompleted');
  assert.deepEqual(new Set(submitted.keys()), ids, 'the journal has the acknowledged jobs and no other');
  for (const id of ids) {
    assert.equal(submitted.get(id), 1, `${id} was submitted ${submitted.get(id)} times`);
    assert.equal(completed.get(id), 1, `${id} was completed ${completed.get(id) ?? 0} times`);
  }
  for (const id of load.completed) assert.ok(completed.has(id), `${id} was acknowledged as completed`);

  const transcripts = readdirSync(join(directory, 'transcripts'));
  assert.deepEqual(new Set(transcripts), new Set([...ids].map((id) => `${id}.json`)));
  for (const id of ids) {
    const stored = load.stored.get(id) ?? [];
    assert.ok(stored.length <= 1, `${id}: ${stored.length} workers got confirmation of their transcript`);
    const { text } = JSON.parse(readFileSync(join(directory, 'transcripts', `${id}.json`), 'utf8')) as { text: string };
    assert.ok(text.startsWith(`${id} by worker-`), text);
    if (stored[0] !== undefined) assert.equal(text, stored[0], 'the acknowledged one is kept');
  }
}

test(`the server is killed again and again under a load of ${JOBS} jobs and 8 workers`, async (t) => {
  const monitor = await startTestMonitor(t, SETTINGS);
  const load = new Load(t, monitor.url);
  load.startWorkers(...Array.from({ length: 8 }, (_, n) => `worker-${n}`));
  const submitting = load.submit(JOBS, 10);
  for (let kill = 1; kill <= KILLS; kill++) {
    await load.reached(Math.floor((RESPONSES * kill) / (KILLS + 2)));
    await monitor.kill();
    await monitor.restart();
  }
  await submitting;
  await finish(monitor, load);
  await assertOnceEach(monitor.directory, load);
});

test('the server is killed again and again under workers that use WebSockets', async (t) => {
  const monitor = await startTestMonitor(t, SETTINGS);
  const load = new Load(t, monitor.url);
  load.transport = 'websocket';
  load.startWorkers(...Array.from({ length: 8 }, (_, n) => `worker-${n}`));
  const submitting = load.submit(JOBS, 10);
  for (let kill = 1; kill <= KILLS; kill++) {
    await load.reached(Math.floor((RESPONSES * kill) / (KILLS + 2)));
    await monitor.kill();
    await monitor.restart();
  }
  await submitting;
  await finish(monitor, load);
  await assertOnceEach(monitor.directory, load);
});

test('workers are killed with their jobs, and the server in between', async (t) => {
  const monitor = await startTestMonitor(t, SETTINGS);
  const load = new Load(t, monitor.url);
  const names = (round: number) => [0, 1, 2, 3].map((n) => `worker-${round}-${n}`);
  load.startWorkers(...names(0));
  const submitting = load.submit(JOBS, 10);
  for (let round = 1; round <= 4; round++) {
    const doomed = load.startWorkers(...names(round));
    await load.reached(Math.floor((RESPONSES * round) / 6));
    doomed.kill('SIGKILL');
    if (round % 2 === 0) {
      await monitor.kill();
      await monitor.restart();
    }
  }
  await submitting;
  await finish(monitor, load);
  await assertOnceEach(monitor.directory, load);
});
