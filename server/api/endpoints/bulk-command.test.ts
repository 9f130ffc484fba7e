/** Purging and redriving more jobs than fit in one commit: each part once, even if the request is repeated midway. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { MemoryStore } from '../../objects/memory.ts';
import type { Command } from '../../state-machine/decide/commands.ts';
import { TurnedClock } from '../../testing-clock.ts';
import { TestMonitor } from '../../views/testing-monitor.ts';
import { PART_JOBS, submitInParts } from './bulk-command.ts';

const JOBS = 2 * PART_JOBS + 500;
const ids = (count: number, of = 'job') => Array.from({ length: count }, (_, n) => `${of}-${n}`);

async function open(t: TestContext, count: number): Promise<TestMonitor> {
  const clock = new TurnedClock('2026-01-05T08:00:00Z');
  const monitor = await TestMonitor.open({ store: new MemoryStore(clock), clock });
  t.after(() => monitor.stop());
  await monitor.submit(...ids(count));
  return monitor;
}

const purge = (id = 'purge') =>
  ({ id, fingerprint: 'f', actor: 'test', body: { type: 'purge_queue', queue: 'main', filter: {} } }) as const;

test('a purge of many jobs makes one commit per thousand, and returns all of them in order', async (t) => {
  const { engine } = await open(t, JOBS);
  const { seq } = engine.state;
  assert.deepEqual(await submitInParts(engine, purge()), ids(JOBS));
  assert.equal(engine.state.seq, seq + 3);
  assert.equal(engine.state.tables.jobs_by_state.CANCELLED.size, JOBS);
});

test('other requests are served between two parts', async (t) => {
  const { engine } = await open(t, JOBS);
  let served = 0;
  const serve = () => {
    served += 1;
    turn = setImmediate(serve);
  };
  let turn = setImmediate(serve);
  await submitInParts(engine, purge());
  clearImmediate(turn);
  assert.ok(served >= 2, `${served} turns`);
});

test('jobs submitted during a purge are not purged', async (t) => {
  const monitor = await open(t, JOBS);
  const purging = submitInParts(monitor.engine, purge());
  await monitor.submit('job-late');
  assert.equal((await purging).length, JOBS);
  assert.equal(monitor.job('job-late').state, 'QUEUED');
});

test('a repeated purge returns the same jobs and changes nothing, whatever waits by then', async (t) => {
  for (const count of [10, PART_JOBS, JOBS]) {
    const monitor = await open(t, count);
    const first = await submitInParts(monitor.engine, purge());
    await monitor.submit(...ids(20, 'late'));
    const { seq } = monitor.engine.state;
    assert.deepEqual(await submitInParts(monitor.engine, purge()), first);
    assert.equal(monitor.engine.state.seq, seq);
  }
});

test('an interrupted purge is finished by repeating it, and returns the jobs of both requests', async (t) => {
  const { engine } = await open(t, JOBS);
  let parts = 0;
  const breaking = {
    state: engine.state,
    submit(command: Command) {
      parts += 1;
      if (parts > 1) return Promise.reject(new Error('the store is away'));
      return engine.submit(command);
    },
  };
  await assert.rejects(submitInParts(breaking, purge()), /away/);
  assert.equal(engine.state.tables.jobs_by_state.CANCELLED.size, PART_JOBS);
  assert.deepEqual(await submitInParts(engine, purge()), ids(JOBS));
  const { seq } = engine.state;
  assert.deepEqual(await submitInParts(engine, purge()), ids(JOBS));
  assert.equal(engine.state.seq, seq);
});

test('the same key with another filter is refused, even between two parts', async (t) => {
  const { engine } = await open(t, JOBS);
  await submitInParts(engine, purge());
  await assert.rejects(submitInParts(engine, { ...purge(), fingerprint: 'g' }), { name: 'Refused' });
});
