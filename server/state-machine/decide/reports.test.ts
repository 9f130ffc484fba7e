import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Event } from '../events.ts';
import { Monitor, type Result } from '../testing.ts';
import type { LeasedLine } from './commands.ts';
import { recordEvents } from './reports.ts';

function report(monitor: Monitor, ...events: LeasedLine[]): Result {
  return monitor.run({ type: 'record_events', events, jitter: 1 });
}

/** Codes of the refusals of these lines. */
function codes(monitor: Monitor, ...events: LeasedLine[]): (string | undefined)[] {
  const body = { type: 'record_events', events, jitter: 1 } as const;
  const { refused } = recordEvents(monitor.state, body, { at_ms: monitor.at_ms, policy: monitor.policy });
  return events.map((_, line) => refused.find(({ index }) => index === line)?.refusal.code);
}

describe('many lines in one request', () => {
  test('have the same effect as one by one, for any jobs and in any order', () => {
    let seed = 5;
    const roll = (sides: number): number => {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((seed / 2 ** 32) * sides);
    };
    for (let round = 0; round < 200; round++) {
      const [whole, single] = [new Monitor(), new Monitor()];
      const leases = [whole, single].map((monitor) => {
        monitor.register('worker-1', 0.5);
        for (const id of ['job-1', 'job-2', 'job-3']) monitor.submit(id, { max_attempts: 2, duration_seconds: 60 });
        return monitor.claim('worker-1', 2);
      })[0]!;
      const lines = Array.from({ length: 1 + roll(8) }, (): LeasedLine => {
        const at = roll(6);
        const token = leases[at]?.token ?? 'job-3.1.none';
        const event = (['JOB_START', 'JOB_PROGRESS', 'JOB_COMPLETE', 'JOB_FAILED'] as const)[roll(4)]!;
        return {
          event,
          job_id: `job-${at + 1}`,
          lease_token: roll(5) > 0 ? token : 'job-1.1.stale',
          ...(event === 'JOB_COMPLETE' && roll(6) > 0 ? { s3_path: 's3://transcripts/x.json' } : {}),
          ...(event === 'JOB_PROGRESS' ? { percentage: roll(100) } : {}),
        };
      });
      const { refused } = recordEvents(
        whole.state,
        { type: 'record_events', events: lines, jitter: 1 },
        { at_ms: whole.at_ms, policy: whole.policy },
      );
      const expected: { events: readonly Event[]; refused: [number, string][] } = { events: [], refused: [] };
      for (const [index, line] of lines.entries()) {
        const body = { type: 'record_events' as const, events: [line], jitter: 1 };
        const alone = recordEvents(single.state, body, { at_ms: single.at_ms, policy: single.policy });
        for (const { refusal } of alone.refused) expected.refused.push([index, refusal.code]);
        expected.events = [...expected.events, ...single.run(body).events];
      }
      assert.deepEqual(report(whole, ...lines).events, expected.events);
      assert.deepEqual(
        refused.map(({ index, refusal }) => [index, refusal.code]),
        expected.refused,
      );
    }
  });
});

describe('the log vocabulary under a lease', () => {
  test('has exactly the effect of the job’s endpoints', () => {
    const monitor = new Monitor();
    const { token: lease_token } = monitor.claimed();
    report(
      monitor,
      { event: 'JOB_START', job_id: 'job-1', lease_token },
      { event: 'JOB_PROGRESS', job_id: 'job-1', lease_token, percentage: 45, stage: 'transcribing' },
    );
    assert.equal(monitor.job().progress?.percentage, 45);
    report(monitor, { event: 'JOB_COMPLETE', job_id: 'job-1', lease_token, s3_path: 's3://t/f.json', segments: 2 });
    assert.equal(monitor.job().state, 'COMPLETED');
    assert.deepEqual(monitor.job().output, { s3_path: 's3://t/f.json', segments_count: 2, confidence_score: null });
  });

  test('a completion keeps the confidence that its line gives', () => {
    const monitor = new Monitor();
    const { token: lease_token } = monitor.claimed();
    const output = { s3_path: 's3://t/f.json', confidence_score: 0.93 };
    report(monitor, { event: 'JOB_COMPLETE', job_id: 'job-1', lease_token, ...output });
    assert.deepEqual(monitor.job().output, { s3_path: 's3://t/f.json', segments_count: 0, confidence_score: 0.93 });
  });

  test('a failure without a message says that the worker gave no reason, and is retried', () => {
    const monitor = new Monitor();
    const { token: lease_token } = monitor.claimed();
    report(monitor, { event: 'JOB_FAILED', job_id: 'job-1', lease_token });
    const message = 'The worker gave no reason';
    assert.deepEqual(monitor.job().last_error, { code: 'worker_error', message, retryable: true });
    assert.equal(monitor.job().state, 'QUEUED');
  });

  test('a failure is retried after a delay, as a single report is', () => {
    const monitor = new Monitor();
    const { token: lease_token } = monitor.claimed();
    report(monitor, { event: 'JOB_FAILED', job_id: 'job-1', lease_token, code: 'crashed' });
    assert.deepEqual([monitor.job().state, monitor.job().not_before_ms], ['QUEUED', monitor.at_ms + 5_000]);
  });

  test('a line under a lease that has ended is refused', () => {
    const monitor = new Monitor();
    const lease = monitor.claimed();
    monitor.fail(lease);
    const line = { job_id: 'job-1', lease_token: lease.token } as const;
    const stale: LeasedLine[] = [
      { ...line, event: 'JOB_PROGRESS', percentage: 5 },
      { ...line, event: 'JOB_COMPLETE', s3_path: 's3://t/f.json' },
    ];
    assert.deepEqual(codes(monitor, ...stale), ['lease_expired', 'lease_expired']);
  });

  test('a completion must have an s3_path', () => {
    const monitor = new Monitor();
    const { token: lease_token } = monitor.claimed();
    assert.deepEqual(codes(monitor, { event: 'JOB_COMPLETE', job_id: 'job-1', lease_token }), ['s3_path_missing']);
  });
});
