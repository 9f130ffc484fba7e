import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { LogEvent } from '../../../protocol/log-event.ts';
import { MINUTE_MS } from '../../../protocol/time.ts';
import type { Event } from '../events.ts';
import { Monitor, type Told, typesOf } from '../testing.ts';
import { recordEvents } from './reports.ts';

function report(monitor: Monitor, ...events: Partial<LogEvent>[]): Told {
  return monitor.tell({ type: 'record_events', worker_id: null, events: events as LogEvent[], jitter: 1 });
}

/** Codes of the refusals that the lines would get now. */
function codes(monitor: Monitor, ...events: Partial<LogEvent>[]): (string | undefined)[] {
  const body = { type: 'record_events' as const, worker_id: null, events: events as LogEvent[], jitter: 1 };
  const { refused } = recordEvents(monitor.state, body, { at_ms: monitor.at_ms, policy: monitor.policy });
  return events.map((_, line) => refused.find(({ index }) => index === line)?.refusal.code);
}

const START = { event: 'JOB_START', job_id: 'job-1', worker_id: 'worker-1' } as const;
const states = (monitor: Monitor) => monitor.job().history.map(({ state }) => state);

describe('the log vocabulary of a worker that only reports', () => {
  test('JOB_START makes the job known, and who works on it', () => {
    const monitor = new Monitor();
    report(monitor, { ...START, audio_duration: 4860, audio_url: 's3://audio/file.mp3' });
    const job = monitor.job();
    assert.deepEqual([job.state, job.run?.worker_id, job.run?.token], ['PROCESSING', 'worker-1', null]);
    assert.deepEqual([job.duration_seconds, job.audio_url], [4860, 's3://audio/file.mp3']);
    assert.deepEqual(typesOf(report(monitor, START)), []);
  });

  test('a whole life in one request: each line builds on those before it', () => {
    const monitor = new Monitor();
    report(
      monitor,
      START,
      { event: 'JOB_PROGRESS', job_id: 'job-1', percentage: 45, stage: 'transcribing' },
      { event: 'JOB_COMPLETE', job_id: 'job-1', segments: 150, s3_path: 's3://transcripts/file.json' },
    );
    const job = monitor.job();
    assert.deepEqual(states(monitor), ['SUBMITTED', 'PROCESSING', 'COMPLETED']);
    assert.deepEqual(job.output, {
      s3_path: 's3://transcripts/file.json',
      segments_count: 150,
      confidence_score: null,
    });
    assert.deepEqual([job.progress?.percentage, job.progress?.stage], [100, 'TRANSCRIBING']);
  });

  test('a line of any kind about an unknown job makes it known', () => {
    for (const [event, state] of [
      ['JOB_PROGRESS', 'PROCESSING'],
      ['JOB_COMPLETE', 'COMPLETED'],
      ['JOB_FAILED', 'FAILED'],
    ] as const) {
      const monitor = new Monitor();
      report(monitor, { ...START, event, percentage: 45 });
      assert.equal(monitor.job().state, state);
    }
  });

  test('JOB_FAILED fails the job with its words', () => {
    const monitor = new Monitor();
    report(monitor, START, { event: 'JOB_FAILED', job_id: 'job-1', error: 'GPU out of memory' });
    assert.equal(monitor.job().state, 'FAILED');
    assert.deepEqual(monitor.job().last_error, {
      code: 'worker_error',
      message: 'GPU out of memory',
      retryable: false,
    });
  });

  test('a line that names no worker, where none is known, is refused; the others stand', () => {
    const monitor = new Monitor();
    const lines = [{ event: 'JOB_START', job_id: 'job-2' } as const, START];
    assert.deepEqual(codes(monitor, ...lines), ['worker_id_missing', undefined]);
    report(monitor, ...lines);
    assert.deepEqual([monitor.state.job('job-2'), monitor.job('job-1').state], [undefined, 'PROCESSING']);
  });

  test('a completed job stays completed, whatever is still said about it', () => {
    const monitor = new Monitor();
    report(monitor, START, { event: 'JOB_COMPLETE', job_id: 'job-1' });
    const late = (['JOB_START', 'JOB_PROGRESS', 'JOB_COMPLETE', 'JOB_FAILED'] as const).map((event) => ({
      ...START,
      event,
    }));
    assert.deepEqual(codes(monitor, ...late), Array(4).fill('transition_not_allowed'));
    const before = monitor.state;
    report(monitor, ...late);
    assert.equal(monitor.state, before);
  });

  test('a failed job that is started again is a new round, out of the dead-letter queue', () => {
    const monitor = new Monitor();
    report(monitor, START, { event: 'JOB_FAILED', job_id: 'job-1' });
    report(monitor, START);
    const job = monitor.job();
    assert.deepEqual(states(monitor), ['SUBMITTED', 'PROCESSING', 'FAILED', 'QUEUED', 'PROCESSING']);
    assert.deepEqual([job.dead, job.completed_ms, job.attempt], [null, null, 1]);
  });

  test('another worker that starts the job takes it over: the first holds it no more', () => {
    const monitor = new Monitor();
    for (const id of ['worker-1', 'worker-2']) monitor.register(id);
    report(monitor, START);
    report(monitor, { ...START, worker_id: 'worker-2' });
    assert.deepEqual([monitor.job().run?.worker_id, monitor.worker('worker-1').holds], ['worker-2', []]);
    assert.equal(monitor.worker('worker-2').holds.length, 1);
    assert.deepEqual([monitor.job().attempt, monitor.job().last_error?.code], [1, 'taken_over']);
  });

  test('a job that is being cancelled is neither started again nor completed', () => {
    const monitor = new Monitor();
    report(monitor, START);
    monitor.tell({ type: 'cancel_job', job_id: 'job-1' });
    assert.deepEqual(codes(monitor, { ...START, worker_id: 'worker-2' }), ['transition_not_allowed']);
    report(monitor, { event: 'JOB_COMPLETE', job_id: 'job-1' });
    assert.equal(monitor.job().state, 'CANCELLED');
  });

  test('a job cancelled while it is only reported ends at the kill deadline', () => {
    const monitor = new Monitor();
    report(monitor, START);
    monitor.tell({ type: 'cancel_job', job_id: 'job-1' });
    monitor.later(MINUTE_MS).tick();
    assert.equal(monitor.job().state, 'CANCELLED');
  });
});

describe('many lines in one request', () => {
  test('do what they would do one by one, whatever jobs they tell of and in whatever order', () => {
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
      const lines = Array.from({ length: 1 + roll(8) }, (): LogEvent => {
        const at = roll(6);
        const lease = leases[at];
        const event = (['JOB_START', 'JOB_PROGRESS', 'JOB_COMPLETE', 'JOB_FAILED'] as const)[roll(4)]!;
        return {
          event,
          job_id: `job-${at + 1}`,
          ...(lease && roll(5) > 0 ? { lease_token: lease.token } : {}),
          ...(roll(3) > 0 ? { worker_id: `worker-${1 + roll(2)}` } : {}),
          ...(event === 'JOB_COMPLETE' && roll(6) > 0 ? { s3_path: 's3://transcripts/x.json' } : {}),
          ...(event === 'JOB_PROGRESS' ? { percentage: roll(100) } : {}),
        };
      });
      const { refused } = recordEvents(
        whole.state,
        { type: 'record_events', worker_id: null, events: lines, jitter: 1 },
        { at_ms: whole.at_ms, policy: whole.policy },
      );
      const expected: { events: readonly Event[]; refused: [number, string][] } = { events: [], refused: [] };
      for (const [index, line] of lines.entries()) {
        const body = { type: 'record_events' as const, worker_id: null, events: [line], jitter: 1 };
        const alone = recordEvents(single.state, body, { at_ms: single.at_ms, policy: single.policy });
        for (const { refusal } of alone.refused) expected.refused.push([index, refusal.code]);
        expected.events = [...expected.events, ...single.tell(body).events];
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
  test('acts exactly as the endpoints of the job do', () => {
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
  });

  test('a failure is retried with its delay, as one that is reported by itself', () => {
    const monitor = new Monitor();
    const { token: lease_token } = monitor.claimed();
    report(monitor, { event: 'JOB_FAILED', job_id: 'job-1', lease_token, code: 'crashed' });
    assert.deepEqual([monitor.job().state, monitor.job().not_before_ms], ['QUEUED', monitor.at_ms + 5_000]);
  });

  test('a job that this queue handed out is reported with its token or not at all, also when that lease has ended', () => {
    const monitor = new Monitor();
    const lease = monitor.claimed();
    const lines = (['JOB_START', 'JOB_PROGRESS', 'JOB_COMPLETE', 'JOB_FAILED'] as const).map((event) => ({
      ...START,
      event,
    }));
    assert.deepEqual(codes(monitor, ...lines), Array(4).fill('lease_required'));
    monitor.fail(lease);
    assert.deepEqual(codes(monitor, ...lines), Array(4).fill('lease_required'));
    const stale = {
      event: 'JOB_COMPLETE',
      job_id: 'job-1',
      lease_token: lease.token,
      s3_path: 's3://t/f.json',
    } as const;
    assert.deepEqual(codes(monitor, stale), ['lease_expired']);
  });

  test('a completion has to say where the transcript is', () => {
    const monitor = new Monitor();
    const { token: lease_token } = monitor.claimed();
    assert.deepEqual(codes(monitor, { event: 'JOB_COMPLETE', job_id: 'job-1', lease_token }), ['s3_path_missing']);
  });
});
