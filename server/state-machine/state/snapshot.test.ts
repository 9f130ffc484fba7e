import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HOUR_MS, MINUTE_MS } from '../../../protocol/time.ts';
import { Monitor } from '../testing.ts';
import { restore, snapshotRows } from './snapshot.ts';
import type { State } from './state.ts';

/** Something of everything: jobs in every state, workers, alerts, commands, periods. */
function full(): Monitor {
  const monitor = new Monitor();
  monitor.register('worker-1', 0.35);
  monitor.tell({ type: 'launch_worker', worker_id: 'worker-2', launch: { location: { spot_price: 0.9 } } });
  monitor.claimed('running', { priority: 'high', tags: ['night'], metadata: { b: '2', 1: 'one', a: '1' } });
  const held = monitor.claimed('cancelling');
  monitor.progress(held, 20, { stage: 'transcribing', eta_seconds: 3.5 });
  monitor.beat('worker-1', [held], { gpu_usage: 33.3, memory_usage: 50 });
  monitor.tell({ type: 'cancel_job', job_id: 'cancelling' });
  monitor.later(MINUTE_MS / 2).complete(monitor.claimed('completed', { duration_seconds: 90.5 }));
  monitor.fail(monitor.claimed('dead'), { retryable: false });
  monitor.fail(monitor.claimed('delayed'), {}, 0.123);
  monitor.submit('waiting', { priority: 'low', webhook_url: 'https://example.org/hook' });
  monitor.submit('cancelled');
  monitor.tell({ type: 'cancel_job', job_id: 'cancelled' });
  monitor.tick();
  return monitor;
}

/** Every table and index, entry by entry. */
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

test('equal states give equal bytes, whatever way they came about', () => {
  const { state } = full();
  assert.deepEqual([...snapshotRows(full().state)], [...snapshotRows(state)]);
  const restored = restore(snapshotRows(restore(snapshotRows(state))));
  assert.deepEqual([...snapshotRows(restored)], [...snapshotRows(state)]);
});

test('a restored state goes on as the one it was made from', () => {
  const one = full();
  const other = full();
  other.state = restore(snapshotRows(one.state));
  for (const monitor of [one, other]) {
    monitor.later(2 * MINUTE_MS).tick();
    monitor.register('worker-3');
    monitor.claim('worker-3', 10);
    monitor.later(HOUR_MS).tick();
    monitor.tell({ type: 'redrive', filter: {} });
  }
  assert.deepEqual([...snapshotRows(other.state)], [...snapshotRows(one.state)]);
});

test('rows are of the moment they were asked for, while the state goes on', () => {
  const monitor = full();
  const before = [...snapshotRows(monitor.state)];
  const rows = snapshotRows(monitor.state.clone());
  const first = rows.next().value;
  monitor.later(HOUR_MS).tick();
  assert.deepEqual([first, ...rows], before);
});

test('a job that was handed out more often than its history remembers is found by exactly the workers it remembers', () => {
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

test('a copy of a state can be changed without the state noticing', () => {
  const { state } = full();
  const before = tablesOf(state);
  const copy = state.clone();
  for (const id of [...copy.tables.jobs.keys()]) copy.removeJob(id);
  for (const id of [...copy.tables.workers.keys()]) copy.removeWorker(id);
  for (const id of [...copy.tables.alerts.keys()]) copy.removeAlert(id);
  copy.forgetCommands(Number.MAX_SAFE_INTEGER);
  copy.scalars.seq = 99;
  assert.deepEqual(tablesOf(state), before);
  const left = { ...copy.tables, minutes: [], hours: [], days: [] };
  for (const [name, table] of Object.entries(left)) {
    if ('size' in table) assert.equal(table.size, 0, name);
  }
});

test('what is no row of a snapshot is refused', () => {
  assert.throws(() => restore(['["something"]']), SyntaxError);
  assert.throws(() => restore(['{']), SyntaxError);
  assert.throws(() => restore(['["job","job-1"]']), SyntaxError);
});
