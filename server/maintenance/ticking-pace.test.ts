/** The pace of ticks: due timers are handled at once, and an idle fleet costs little. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryStore } from '../objects/memory.ts';
import type { CommandBody } from '../state-machine/decide/commands.ts';
import { TurnedClock } from '../testing-clock.ts';
import { TestMonitor } from '../views/testing-monitor.ts';
import { ticking } from './ticking.ts';

const LEASE_MS = 60_000;
/** Minimum interval between ticks. */
const SOONEST_MS = 20;
/** Maximum interval between ticks. */
const LATEST_MS = 1_000;
const ALERTS_MS = 5_000;
/** The first delay of a retry, with the jitter of the test monitor. */
const RETRY_MS = 3_750;

/** A machine that can be suspended: time passes without timers running. */
class LeapingClock extends TurnedClock {
  away_ms = 0;

  override now(): number {
    return super.now() + this.away_ms;
  }

  override monotonic(): number {
    return super.monotonic() + this.away_ms;
  }
}

async function open(t: { after(run: () => Promise<void>): void }) {
  const clock = new LeapingClock('2026-01-01T00:00:00Z');
  const monitor = await TestMonitor.open({ store: new MemoryStore(clock), clock, settings: { lease_ms: LEASE_MS } });
  const { engine } = monitor;
  const ticks: (CommandBody & { type: 'tick' })[] = [];
  const warnings: string[] = [];
  const submit = engine.submit.bind(engine);
  engine.submit = (command) => {
    if (command.body.type === 'tick') ticks.push(command.body);
    return submit(command);
  };
  const duty = ticking({ engine, clock, log: (_, message) => warnings.push(message) });
  duty.start();
  t.after(async () => {
    await duty.stop();
    await monitor.stop();
  });
  return { clock, monitor, ticks, warnings };
}

test('an idle fleet gets a tick every five seconds, which writes no segment', async (t) => {
  const { clock, monitor, ticks } = await open(t);
  await clock.turn(60_000);
  assert.equal(ticks.length, 1 + 60_000 / ALERTS_MS);
  assert.equal(monitor.engine.state.seq, 0);
});

test('a retry is claimable as soon as its delay is over, not at the next full second', async (t) => {
  const { clock, monitor } = await open(t);
  await monitor.register('worker-1');
  await monitor.submit('job-1');
  await monitor.claim('worker-1');
  await clock.turn(300);
  await monitor.fail('job-1', true);
  const due_ms = monitor.job('job-1').not_before_ms!;
  await clock.turn(due_ms - 1 - clock.now());
  assert.notEqual(monitor.job('job-1').not_before_ms, null);
  await clock.turn(1);
  assert.equal(monitor.job('job-1').not_before_ms, null);
});

test('timers due together are handled without pauses of a second', async (t) => {
  const { clock, monitor } = await open(t);
  await clock.turn(LEASE_MS);
  await monitor.register('worker-1');
  const ids = Array.from({ length: 1_001 }, (_, n) => `job-${n}`);
  await monitor.submit(...ids);
  await monitor.claim('worker-1', ids.length);
  await clock.turn(1);
  for (let beats = 0; beats < 5; beats += 1) {
    monitor.beat('worker-1');
    await clock.turn(LEASE_MS / 5 - 1);
  }
  const running = () => ids.filter((id) => monitor.job(id).state === 'PROCESSING').length;
  assert.equal(running(), ids.length);
  await clock.turn(4 + 3 * SOONEST_MS);
  assert.equal(running(), 0);
});

test('an alert caused by a tick is raised by the next evaluation', async (t) => {
  const { clock, monitor } = await open(t);
  await clock.turn(LEASE_MS);
  await monitor.register('worker-1');
  await monitor.do({
    type: 'submit_jobs',
    jobs: [{ job_id: 'job-1', audio_url: 's3://audio/1.mp3', max_attempts: 1 }],
  });
  await monitor.claim('worker-1');
  const { expires_ms } = monitor.job('job-1').run!;
  await clock.turn(expires_ms! - 1 - clock.now());
  assert.equal(monitor.job('job-1').state, 'PROCESSING');
  await clock.turn(1 + SOONEST_MS);
  assert.equal(monitor.job('job-1').state, 'FAILED');
  await clock.turn(ALERTS_MS);
  const rules = [...monitor.engine.state.tables.alerts.values()].map(({ rule }) => rule);
  assert.ok(rules.includes('jobs_dead_lettered'), rules.join());
});

test('a timer due shortly after a tick without events is not late', async (t) => {
  const { clock, monitor } = await open(t);
  await monitor.register('worker-1');
  await monitor.submit('job-1', 'job-2');
  await monitor.claim('worker-1', 2);
  await monitor.fail('job-1', true);
  // The tick a second after the first retry has nothing to do.
  await clock.turn(1_300);
  await monitor.fail('job-2', true);
  await clock.turn(monitor.job('job-2').not_before_ms! - clock.now());
  assert.deepEqual([monitor.job('job-1').not_before_ms, monitor.job('job-2').not_before_ms], [null, null]);
});

for (const [when, due_ms] of [
  ['a check', 8_001],
  ['a check of the alerts', 10_001],
] as const) {
  test(`a timer due a millisecond after ${when} is handled by one tick, promptly`, async (t) => {
    const { clock, monitor, ticks } = await open(t);
    const start_ms = clock.now();
    await monitor.register('worker-1');
    await monitor.submit('job-1');
    await monitor.claim('worker-1');
    await clock.turn(due_ms - RETRY_MS);
    await monitor.fail('job-1', true);
    assert.equal(monitor.job('job-1').not_before_ms, start_ms + due_ms);
    await clock.turn(RETRY_MS - 2);
    const before = ticks.length;
    await clock.turn(2 + SOONEST_MS);
    assert.equal(monitor.job('job-1').not_before_ms, null);
    assert.equal(ticks.length, before + 1);
  });
}

test('leases are spared for exactly one lease time after a start or a suspend of more than half of one', async (t) => {
  const { clock, ticks } = await open(t);
  const expires = () => ticks.at(-1)!.expire;
  await clock.turn(LEASE_MS - ALERTS_MS);
  assert.ok(ticks.every(({ expire }) => !expire));
  await clock.turn(ALERTS_MS);
  assert.equal(expires(), true);
  clock.away_ms += LEASE_MS / 2;
  await clock.turn(2 * LATEST_MS);
  assert.equal(expires(), true, 'half a lease is not long');
  clock.away_ms += LEASE_MS / 2 + 1;
  await clock.turn(2 * LATEST_MS);
  assert.equal(expires(), false);
  await clock.turn(LEASE_MS + ALERTS_MS);
  assert.equal(expires(), true);
});

test('a timer that is due while spared causes one tick, not two', async (t) => {
  const { clock, monitor, ticks } = await open(t);
  await monitor.register('worker-1');
  const due_ms = monitor.engine.state.worker('worker-1')!.check_ms!;
  await clock.turn(due_ms - 500 - clock.now());
  const before = ticks.length;
  await clock.turn(LATEST_MS);
  assert.equal(ticks.length, before + 1);
});

test('a due lease that is spared makes no tick of its own', async (t) => {
  const { clock, monitor, ticks } = await open(t);
  await monitor.register('worker-1');
  await monitor.submit('job-1');
  await monitor.do({ type: 'claim_jobs', worker_id: 'worker-1', max_jobs: 1, secret: 's' });
  await clock.turn(LEASE_MS - 20_000);
  assert.ok(ticks.every(({ expire }) => !expire));
  const before = ticks.length;
  await clock.turn(10_000);
  assert.equal(ticks.length - before, 10_000 / ALERTS_MS, 'those that evaluate alerts');
});

test('a tick that the store refuses is logged and repeated', async (t) => {
  const { clock, monitor, ticks, warnings } = await open(t);
  await clock.turn(ALERTS_MS);
  const { submit } = monitor.engine;
  monitor.engine.submit = async () => {
    throw new Error('refused');
  };
  await clock.turn(ALERTS_MS);
  assert.deepEqual(warnings, ['ticking: refused']);
  monitor.engine.submit = submit;
  const before = ticks.length;
  await clock.turn(ALERTS_MS);
  assert.equal(ticks.length, before + 1);
});
