import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HOUR_MS, MINUTE_MS } from '../../../protocol/time.ts';
import { Monitor } from '../testing.ts';
import { restore, snapshotRows } from './snapshot.ts';
import { State } from './state.ts';

const SIGNED = {
  audio_url: 'https://example.org/a.wav?Expires=1795780800&Signature=0',
  require_complete: true,
  options: { language: 'de' },
};

/** Jobs in every state, workers, alerts, commands and periods. */
function full(): Monitor {
  const monitor = new Monitor();
  monitor.register('worker-1', 0.35);
  monitor.run({ type: 'launch_worker', worker_id: 'worker-2', launch: { location: { spot_price: 0.9 } } });
  monitor.claimed('running', { priority: 'high', tags: ['night'], metadata: { b: '2', 1: 'one', a: '1' } });
  const held = monitor.claimed('cancelling');
  monitor.progress(held, 20, { stage: 'transcribing', eta_seconds: 3.5 });
  monitor.beat('worker-1', [held], { gpu_usage: 33.3, memory_usage: 50 });
  monitor.run({ type: 'cancel_job', job_id: 'cancelling' });
  monitor.later(MINUTE_MS / 2).complete(monitor.claimed('completed', { duration_seconds: 90.5 }));
  monitor.fail(monitor.claimed('dead'), { retryable: false });
  monitor.fail(monitor.claimed('delayed'), {}, 0.123);
  monitor.submit('waiting', { priority: 'low', webhook_url: 'https://example.org/hook', ...SIGNED });
  monitor.submit('cancelled');
  monitor.run({ type: 'cancel_job', job_id: 'cancelled' });
  monitor.tick();
  return monitor;
}

/** All entries of every table and index. */
function tablesOf(state: State): unknown {
  const entries = (table: object): unknown =>
    'entries' in table && typeof table.entries === 'function'
      ? [...(table as Map<unknown, unknown>).entries()]
      : Object.fromEntries(Object.entries(table).map(([name, value]) => [name, entries(value as object)]));
  return JSON.parse(JSON.stringify([entries(state.tables), state.scalars, state.fleet]));
}

test('a state restored from its rows is the same in every field, table and index', () => {
  const { state } = full();
  const restored = restore(snapshotRows(state));
  assert.deepEqual(tablesOf(restored), tablesOf(state));
  assert.deepEqual([...restored.tables.jobs.values()], [...state.tables.jobs.values()]);
});

test('equal states give equal bytes, however they were built', () => {
  const { state } = full();
  assert.deepEqual([...snapshotRows(full().state)], [...snapshotRows(state)]);
  const restored = restore(snapshotRows(restore(snapshotRows(state))));
  assert.deepEqual([...snapshotRows(restored)], [...snapshotRows(state)]);
});

test('a pass of an earlier version belongs to a key, and to no session', () => {
  const old = { id: 'p', kind: 'session', key_id: 'k', key_hash: 'h', secret_hash: 's', job_id: null, expires_ms: 9 };
  const state = restore([...snapshotRows(new State()), JSON.stringify(['pass', old])]);
  assert.deepEqual(state.tables.passes.get('p'), { ...old, person: null, session_id: null, issued_ms: null });
});

test('a restored state behaves as the original', () => {
  const original = full();
  const other = full();
  other.state = restore(snapshotRows(original.state));
  for (const monitor of [original, other]) {
    monitor.later(2 * MINUTE_MS).tick();
    monitor.register('worker-3');
    monitor.claim('worker-3', 10);
    monitor.later(HOUR_MS).tick();
    monitor.run({ type: 'redrive', filter: {} });
  }
  assert.deepEqual([...snapshotRows(other.state)], [...snapshotRows(original.state)]);
});

test('rows do not change while the state does', () => {
  const monitor = full();
  const before = [...snapshotRows(monitor.state)];
  const rows = snapshotRows(monitor.state.clone());
  const first = rows.next().value;
  monitor.later(HOUR_MS).tick();
  assert.deepEqual([first, ...rows], before);
});

test('a job with more attempts than history entries is indexed under exactly the workers in its history', () => {
  const monitor = new Monitor();
  monitor.submit('job-1');
  for (let i = 0; i < 60; i++) {
    monitor.register(`worker-${i}`);
    monitor.fail(monitor.claim(`worker-${i}`)[0]!, { code: 'worker_drained' });
  }
  const { state } = monitor;
  assert.ok(monitor.job().history.length <= 64);
  assert.deepEqual(
    [...restore(snapshotRows(state)).tables.jobs_by_worker.keys()],
    [...state.tables.jobs_by_worker.keys()],
  );
});

test('changing a copy of a state does not change the state', () => {
  const { state } = full();
  const before = tablesOf(state);
  const copy = state.clone();
  for (const id of [...copy.tables.jobs.keys()]) copy.removeJob(id);
  for (const id of [...copy.tables.workers.keys()]) copy.removeWorker(id);
  for (const id of [...copy.tables.alerts.keys()]) copy.removeAlert(id);
  copy.forgetCommands(Number.MAX_SAFE_INTEGER);
  copy.scalars.seq = 99;
  assert.deepEqual(tablesOf(state), before);
  const left = {
    ...copy.tables,
    minutes: [],
    hours: [],
    days: [],
    tallies: [],
    paces: [],
    shares: [],
    tenants: [],
    usage: [],
    virtual_times: [],
  };
  for (const [name, table] of Object.entries(left)) {
    if ('size' in table) assert.equal(table.size, 0, name);
  }
});

test('a line that is not a row of a snapshot is refused', () => {
  assert.throws(() => restore(['["something"]']), SyntaxError);
  assert.throws(() => restore(['{']), SyntaxError);
  assert.throws(() => restore(['["job","job-1"]']), SyntaxError);
});
