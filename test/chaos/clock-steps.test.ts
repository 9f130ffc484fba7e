/** The clock of the machine is set while the monitor runs on a directory, and between two starts: leases end when they must. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { startTestMonitor, temporaryDirectory } from '../processes/tmon.ts';
import { Faketime, findFaketime } from '../servers/faketime.ts';
import { Caller } from '../servers/monitor.ts';

const LEASE_MS = 2_000;
const library = findFaketime();
const skip = library === undefined && 'libfaketime is not installed: apt-get install libfaketime';

/** Takes the next job, and never says a word about it again. */
async function hold(caller: Caller): Promise<string> {
  await caller.put('/workers/worker-1', { capabilities: { model: 'm', device: 'cpu' } });
  await caller.post('/jobs', { audio_url: 's3://bucket/audio.mp3' });
  const { body } = await caller.post('/workers/worker-1/claim', { max_jobs: 1, wait_seconds: 5 });
  return body.jobs[0].job.job_id;
}

for (const offset of ['+10y', '+1h', '-1h']) {
  test(`a clock set by ${offset} while the monitor runs neither ends a lease nor keeps it from ending`, {
    skip,
  }, async (t) => {
    const faketime = new Faketime(library!, join(temporaryDirectory(t), 'offset'));
    const monitor = await startTestMonitor(t, { lease_ms: LEASE_MS }, faketime.environment);
    const caller = new Caller(monitor.url);
    const before = await hold(caller);
    faketime.set(offset);
    await caller.until(`/jobs/${before}`, ({ state }) => state === 'QUEUED');
    const held = await hold(caller);
    await caller.until(`/jobs/${held}`, ({ state }) => state === 'QUEUED');
    const { body } = await caller.get(`/jobs/${held}`);
    assert.ok(Math.abs(Date.parse(body.created_at) - Date.now()) < 600_000, body.created_at);
    const ready = await caller.call('GET', '/readyz');
    assert.notEqual(ready.body.clock, undefined);

    faketime.set('+0');
    await monitor.stop();
    await monitor.restart();
    assert.equal((await caller.call('GET', '/readyz')).body.clock, undefined);
  });
}

test('a start with the right clock after one that was ten years ahead: leases end all the same', {
  skip,
}, async (t) => {
  const faketime = new Faketime(library!, join(temporaryDirectory(t), 'offset'));
  const monitor = await startTestMonitor(t, { lease_ms: LEASE_MS }, faketime.environment);
  const caller = new Caller(monitor.url);
  await monitor.stop();
  faketime.set('+10y');
  await monitor.restart();
  const held = await hold(caller);
  await monitor.stop();
  faketime.set('+0');
  await monitor.restart();
  await caller.until(`/jobs/${held}`, ({ state }) => state === 'QUEUED');
  assert.ok((await caller.call('GET', '/readyz')).body.clock.offset_ms > 0);
});
