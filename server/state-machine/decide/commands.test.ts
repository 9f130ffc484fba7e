import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { HOUR_MS } from '../../../protocol/time.ts';
import { forgetJobs, Monitor, typesOf } from '../testing.ts';
import type { CommandBody } from './commands.ts';

const KEY = { id: 'key-1', fingerprint: 'abc' };
const submission = (job_id: string): CommandBody => ({
  type: 'submit_jobs',
  jobs: [{ job_id, audio_url: 's3://audio/x.mp3' }],
});

describe('a command that is sent again', () => {
  test('has the first outcome, and changes nothing', () => {
    const monitor = new Monitor();
    const first = monitor.run(submission('job-1'), KEY);
    const before = monitor.state;
    // A retry names another job id: ids are made anew for each request, the key is what counts.
    const again = monitor.run(submission('job-2'), KEY);
    assert.deepEqual(again.refs, [
      ['JobSubmitted', 'job-1'],
      ['JobQueued', 'job-1'],
    ]);
    assert.deepEqual(again.refs, first.refs);
    assert.equal(monitor.state, before);
  });

  test('returns the same leases for a claim', () => {
    const monitor = new Monitor();
    monitor.register('worker-1');
    monitor.submit('job-1');
    monitor.submit('job-2');
    const claim = (secret: string) =>
      monitor.run({ type: 'claim_jobs', worker_id: 'worker-1', max_jobs: 1, secret }, KEY).refs;
    const first = claim('one');
    assert.deepEqual(first, [['JobAssigned', 'job-1', 'job-1.1.one', monitor.at_ms + 60_000]]);
    assert.deepEqual(claim('two'), first);
    assert.equal(monitor.job('job-2').state, 'QUEUED');
  });

  test('is refused if its request differs', () => {
    const monitor = new Monitor();
    monitor.run(submission('job-1'), KEY);
    const { refusal } = monitor.run(submission('job-2'), { ...KEY, fingerprint: 'other' });
    assert.deepEqual([refusal?.kind, refusal?.code], ['conflict', 'idempotency_key_reused']);
    assert.match(refusal?.hint ?? '', /new key/);
    assert.equal(monitor.state.job('job-2'), undefined);
  });

  test('may succeed if it was refused the first time', () => {
    const monitor = new Monitor();
    const cancel = (): CommandBody => ({ type: 'cancel_job', job_id: 'job-1' });
    assert.equal(monitor.run(cancel(), KEY).refusal?.code, 'job_not_found');
    monitor.submit('job-1');
    assert.deepEqual(typesOf(monitor.run(cancel(), KEY)), ['JobCancelled']);
  });
});

test('commands are remembered for their window, then forgotten by a tick', () => {
  const monitor = new Monitor();
  monitor.run(submission('job-1'), KEY);
  monitor.later(24 * HOUR_MS - 1).tick();
  assert.equal(monitor.state.tables.commands.has(KEY.id), true);
  assert.ok(typesOf(monitor.later(1).tick()).includes('CommandsForgotten'));
  assert.deepEqual([monitor.state.tables.commands.size, monitor.state.tables.commands_by_age.size], [0, 0]);
});

test('above the maximum number of remembered commands the oldest are forgotten', () => {
  const monitor = new Monitor({ commands_max: 3 });
  for (let i = 1; i <= 5; i++) monitor.run(submission(`job-${i}`), { id: `key-${i}`, fingerprint: '' });
  monitor.tick();
  assert.deepEqual([...monitor.state.tables.commands.keys()], ['key-3', 'key-4', 'key-5']);
});

test("ids of soft commands and of the monitor's own are not remembered", () => {
  const monitor = new Monitor();
  monitor.claimed();
  const remembered = monitor.state.tables.commands.size;
  monitor.later(30_000).tick();
  assert.equal(monitor.state.tables.commands.size, remembered);
});

test('only the archived version of a record is forgotten', () => {
  const monitor = new Monitor();
  monitor.complete(monitor.claimed());
  const forget = (version: number) => typesOf(monitor.run(forgetJobs([{ job_id: 'job-1', version }])));
  assert.deepEqual(forget(monitor.job().version - 1), []);
  assert.deepEqual(forget(monitor.job().version), ['JobsArchived']);
  assert.deepEqual([monitor.state.job('job-1'), monitor.state.scalars.archived_jobs], [undefined, 1]);
  for (const table of ['jobs_by_creation', 'finished', 'jobs_by_worker', 'timers', 'report_timers'] as const) {
    const left = [...monitor.state.tables[table].values()].filter((value) => JSON.stringify(value).includes('job-1'));
    assert.deepEqual(left, [], table);
  }
});

test('workers and alerts are forgotten as they were archived, and are gone from every index', () => {
  const monitor = new Monitor();
  monitor.register('worker-1');
  monitor.run({ type: 'terminate_worker', worker_id: 'worker-1', reason: 'asked for' });
  monitor.fail(monitor.claimed('dead', {}, 'worker-2'), { retryable: false });
  monitor.tick();
  const [alert] = [...monitor.state.tables.alerts.values()];
  monitor.run({ type: 'purge_queue', queue: 'dlq', filter: {} });
  monitor.tick();
  const workers = [{ id: 'worker-1', version: monitor.worker().version }];
  const { id, version } = monitor.state.tables.alerts.get(alert!.id)!;
  const outcome = monitor.run({ type: 'forget', packs: [], workers, alerts: [{ id, version }] });
  assert.deepEqual(typesOf(outcome), ['WorkersArchived', 'AlertsArchived']);
  assert.equal(monitor.state.worker('worker-1'), undefined);
  assert.equal(monitor.state.tables.alerts.get(id), undefined);
  for (const table of ['workers_by_creation', 'report_timers'] as const) {
    const left = [...monitor.state.tables[table].values()].filter((value) =>
      JSON.stringify(value).includes('worker-1'),
    );
    assert.deepEqual(left, [], table);
  }
});

test('jobs leave memory in the order of their ends, dead letters not before they are dropped', () => {
  const monitor = new Monitor();
  const leases = ['job-a', 'job-b', 'job-c'].map((id) => monitor.claimed(id));
  for (const lease of [leases[1]!, leases[0]!]) monitor.later(1_000).complete(lease);
  monitor.later(1_000).fail(leases[2]!, { retryable: false });
  const leaving = () => [...monitor.state.tables.finished.values()];
  assert.deepEqual(leaving(), ['job-b', 'job-a']);
  monitor.run({ type: 'purge_queue', queue: 'dlq', filter: {} });
  assert.deepEqual(leaving(), ['job-b', 'job-a', 'job-c']);
  monitor.run({ type: 'retry_job', job_id: 'job-c' });
  assert.deepEqual(leaving(), ['job-b', 'job-a']);
});

test('records that have not ended are never forgotten', () => {
  const monitor = new Monitor();
  monitor.claimed('running');
  monitor.submit('waiting');
  monitor.fail(monitor.claimed('dead'), { retryable: false });
  const workers = [{ id: 'worker-1', version: monitor.worker().version }];
  assert.deepEqual(typesOf(monitor.run({ type: 'forget', packs: [], workers, alerts: [] })), []);
  for (const id of ['running', 'waiting', 'dead']) {
    assert.deepEqual(typesOf(monitor.run(forgetJobs([monitor.job(id)]))), [], id);
  }
});
