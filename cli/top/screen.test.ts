/** The screen fits, whatever there is to show. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import type { FeedEvent } from '../../protocol/feed-messages.ts';
import { Fleet } from './fleet.ts';
import { screenOf } from './screen.ts';

const position = { seq: 1, index: 0 };

function busy({ jobs = 3, workers = 2, alerts = 1 } = {}): Fleet {
  const fleet = new Fleet();
  const say = (event: object) => fleet.apply({ at: '2026-01-01T00:00:00Z', ...position, ...event } as FeedEvent);
  for (let i = 0; i < workers; i += 1)
    say({ type: 'update', resource: 'worker', event: 'WorkerRegistered', worker_id: `worker-${i}`, capabilities: {} });
  for (let i = 0; i < jobs; i += 1) {
    const runs = { state: 'PROCESSING', percentage: 10 * (i % 10), stage: 'TRANSCRIBING', worker_id: `worker-${i}` };
    const waits = { state: 'QUEUED', percentage: 0, stage: null, worker_id: null };
    say({ type: 'update', resource: 'job', job_id: `job-${i}`, ...(i < workers ? runs : waits) });
  }
  for (let i = 0; i < alerts; i += 1)
    say({
      type: 'update',
      resource: 'alert',
      alert_id: `alert-${i}`,
      rule: 'r',
      severity: i === 0 ? 'CRITICAL' : 'WARNING',
      message: `Something ${i}`,
    });
  return fleet;
}

const linesOf = (fleet: Fleet, columns: number, rows: number, away?: string) =>
  screenOf(fleet, { columns, rows }, { server: 'http://127.0.0.1:8080', ...(away ? { away } : {}) }).map((line) =>
    stripVTControlCharacters(line),
  );

test('workers, their jobs and alerts stand on it', () => {
  const text = linesOf(busy(), 100, 30).join('\n');
  for (const words of [
    /^tmon top {2}http/m,
    /CRITICAL Something 0/,
    /worker-1 +ACTIVE +HEALTHY/,
    /job-1 +PROCESSING +10% /,
  ])
    assert.match(text, words);
  assert.match(text, /job-2 +QUEUED/);
});

test('it is never larger than the terminal', () => {
  const fleet = busy({ jobs: 500, workers: 100, alerts: 20 });
  for (const [columns, rows] of [
    [200, 60],
    [80, 24],
    [40, 10],
    [20, 3],
    [1, 1],
  ] as const) {
    const lines = linesOf(fleet, columns, rows, 'the monitor is away');
    assert.ok(lines.length <= rows, `${lines.length} lines of ${rows}`);
    for (const line of lines) assert.ok(line.length <= columns, line);
  }
});

test('many jobs leave room for the workers, and few leave theirs', () => {
  const half = linesOf(busy({ jobs: 500, workers: 100 }), 100, 40);
  const count = (lines: string[], what: RegExp) => lines.filter((line) => what.test(line)).length;
  assert.ok(Math.abs(count(half, /^worker-/) - count(half, /^job-/)) <= 1);
  const few = linesOf(busy({ jobs: 500, workers: 2 }), 100, 40);
  assert.equal(count(few, /^worker-/), 2);
  assert.ok(count(few, /^job-/) > 25);
  assert.match(few.find((line) => line.startsWith('JOB'))!, /\(\d+ more\)/);
});

test('why a job has failed is read to its end, and moves no column', () => {
  const fleet = busy();
  const headOf = (lines: string[]) => lines.find((line) => line.startsWith('JOB'));
  const head = headOf(linesOf(fleet, 100, 30));
  const why = 'audio_unreachable: s3://bucket/interview.mp3 answered 403 Forbidden';
  const failed = { state: 'FAILED', percentage: null, stage: null, details: why };
  const job = { type: 'update', resource: 'job', event: 'JobFailed', at: '', ...position, job_id: 'job-1', ...failed };
  fleet.apply(job as FeedEvent);
  const lines = linesOf(fleet, 100, 30);
  assert.ok(lines.some((line) => line.endsWith(why)));
  assert.equal(headOf(lines), head);
});

test('a name can not steer the terminal', () => {
  const fleet = new Fleet();
  fleet.apply({
    type: 'update',
    resource: 'job',
    event: 'JobFailed',
    at: '',
    ...position,
    job_id: 'job-1',
    state: 'FAILED',
    percentage: null,
    stage: null,
    details: 'evil\u001b[2J\nnext',
  });
  const lines = screenOf(fleet, { columns: 100, rows: 30 }, { server: 'x' });
  assert.ok(!lines.some((line) => line.includes('\u001b[2J') || line.includes('\n')));
});
