/** A tick does a bounded amount of work, and leaves the rest to the next. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MINUTE_MS } from '../../../protocol/time.ts';
import { Monitor, typesOf } from '../testing.ts';
import { nextDue } from './time.ts';

const TIMERS_MAX = 1000;

test('a tick handles at most 1,000 timers; the rest are due at the next', () => {
  const monitor = new Monitor({ worker_degraded_ms: 1e9 });
  monitor.register('worker-1');
  const jobs = Array.from({ length: TIMERS_MAX + 1 }, (_, n) => ({
    job_id: `job-${n}`,
    audio_url: 's3://audio/a.mp3',
  }));
  monitor.run({ type: 'submit_jobs', jobs });
  monitor.claim('worker-1', jobs.length);
  monitor.later(MINUTE_MS);
  const failed = () => typesOf(monitor.tick()).filter((type) => type === 'JobAttemptFailed').length;
  assert.equal(failed(), TIMERS_MAX);
  assert.ok(nextDue(monitor.state)! <= monitor.at_ms, 'one is left');
  assert.equal(failed(), 1);
});

test('timers that do not count yet do not prevent later ones from being handled', () => {
  const monitor = new Monitor({ worker_degraded_ms: 1e9, retry_base_ms: 2 * MINUTE_MS });
  const delayed = monitor.claimed('job-delayed');
  monitor.fail(delayed);
  const jobs = Array.from({ length: TIMERS_MAX + 1 }, (_, n) => ({
    job_id: `job-${n}`,
    audio_url: 's3://audio/a.mp3',
  }));
  monitor.run({ type: 'submit_jobs', jobs });
  monitor.claim('worker-1', jobs.length);
  monitor.later(5 * MINUTE_MS);
  assert.deepEqual(typesOf(monitor.tick(false)), ['JobDelayOver']);
});

test('the next timer is the earliest; null if none is set', () => {
  const monitor = new Monitor({ worker_degraded_ms: 1e9 });
  assert.equal(nextDue(monitor.state), null);
  const { expires_ms } = monitor.claimed();
  assert.equal(nextDue(monitor.state), expires_ms);
  monitor.later(1_000).claimed('job-2');
  assert.equal(nextDue(monitor.state), expires_ms);
});

test('a tick forgets at most 10,000 commands; the rest at the next', () => {
  const monitor = new Monitor({ commands_max: 0 });
  const { commands } = monitor.state.tables;
  for (let n = 0; n < 10_001; n += 1) {
    monitor.state.putCommand(`old-${n}`, { ordinal: n, fingerprint: '', at_ms: monitor.at_ms, refs: [] });
  }
  assert.equal(commands.size, 10_001);
  monitor.tick();
  assert.equal(monitor.state.tables.commands.size, 1);
  monitor.tick();
  assert.equal(monitor.state.tables.commands.size, 0);
});
