import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DAY_MS, HOUR_MS } from '../../../protocol/time.ts';
import { randomOf } from '../../../test/random.ts';
import { type Lease, Monitor } from '../testing.ts';
import { expectedOf, figuresOf, GROUPS_MAX } from './pace.ts';
import { restore, snapshotRows } from './snapshot.ts';

const CUDA = { model: 'large-v3', device: 'cuda', instance_type: 'g4dn.xlarge' };
const CPU = { model: 'large-v3', device: 'cpu', instance_type: 'c7i.large' };

function register(monitor: Monitor, worker_id: string, { model, device, instance_type } = CUDA): void {
  const registration = { capabilities: { model, device }, location: { instance_type } };
  monitor.run({ type: 'register_worker', worker_id, registration });
}

let jobs = 0;

/** A job of `audio` seconds: download, load, then steps of `step` seconds that take `pace` seconds of work each. */
function job(
  monitor: Monitor,
  worker_id: string,
  { audio = 100, pace = 0.5, download = 4, load = 8, steps = 10, finish = 2 } = {},
): void {
  jobs += 1;
  const lease = monitor.claimed(`job-${jobs}`, { duration_seconds: audio }, worker_id);
  monitor.progress(lease, 0, { stage: 'downloading' });
  monitor.later(download * 1000).progress(lease, 0, { stage: 'transcribing' });
  monitor.later(load * 1000);
  for (let step = 1; step <= steps; step++) {
    monitor.progress(lease, (100 * step) / steps);
    if (step < steps) monitor.later((pace * audio * 1000) / (steps - 1));
  }
  monitor.later(finish * 1000).complete(lease);
}

const near = (actual: number | null, expected: number, what: string) =>
  assert.ok(actual !== null && Math.abs(actual / expected - 1) < 0.05, `${what} is ${actual}, not ${expected}`);

test('the pace, the start and the steps of completed jobs are known by what they ran on', () => {
  const monitor = new Monitor();
  register(monitor, 'gpu', CUDA);
  register(monitor, 'cpu', CPU);
  for (let i = 0; i < 25; i++) {
    job(monitor, 'gpu', { pace: 0.1, load: 20, audio: 1_000, finish: 1 });
    job(monitor, 'cpu', { pace: 2, load: 5, finish: 1 });
  }
  const gpu = figuresOf(monitor.state, CUDA);
  assert.equal(gpu.sure, 1);
  near(gpu.quantile('pace', 0.5), 101 / 900, 'the pace');
  near(gpu.quantile('load', 0.5), 20, 'the load');
  near(gpu.quantile('download', 0.5), 4, 'the download');
  near(gpu.quantile('gap', 0.5), 100 / 9, 'a step');
  near(gpu.quantile('finish', 0.5), 1, 'the end');
  near(figuresOf(monitor.state, CPU).quantile('pace', 0.5), 201 / 90, 'the pace of the other');
  near(expectedOf(monitor.state, CUDA).start_seconds, 24 - 100 * (101 / 900), 'the start');
});

test('a group with few jobs is mixed with the wider ones, and speaks for itself from 20 jobs on', () => {
  const monitor = new Monitor();
  register(monitor, 'cpu', CPU);
  register(monitor, 'gpu', CUDA);
  for (let i = 0; i < 100; i++) job(monitor, 'cpu', { pace: 2 });
  const medians: number[] = [];
  for (let i = 0; i <= 20; i++) {
    medians.push(figuresOf(monitor.state, CUDA).quantile('pace', 0.5)!);
    job(monitor, 'gpu', { pace: 0.1 });
  }
  near(medians[0]!, 202 / 90, 'the pace that is known of the model');
  near(medians[20]!, 12 / 90, 'its own pace');
  assert.equal(figuresOf(monitor.state, { ...CUDA, instance_type: 'other' }).sure, 0);
});

test('the documents’ figures stand for what is not known', () => {
  assert.deepEqual(expectedOf(new Monitor().state, CUDA), { start_seconds: 0, pace: 0.313 });
});

test('an attempt begins with what is expected of it', () => {
  const monitor = new Monitor();
  register(monitor, 'gpu');
  job(monitor, 'gpu');
  monitor.claimed('next', {}, 'gpu');
  assert.deepEqual(monitor.job('next').run!.expected, expectedOf(monitor.state, CUDA));
});

test('what was learned loses half of its weight in a week, and a later pace takes over', () => {
  const monitor = new Monitor();
  register(monitor, 'gpu');
  for (let i = 0; i < 40; i++) job(monitor, 'gpu', { pace: 1 });
  const before = figuresOf(monitor.state, CUDA).jobs;
  monitor.later(7 * DAY_MS - 1);
  register(monitor, 'gpu');
  job(monitor, 'gpu', { pace: 3 });
  near(figuresOf(monitor.state, CUDA).jobs, before / 2 + 1, 'the weight');
  for (let i = 0; i < 30; i++) job(monitor, 'gpu', { pace: 3 });
  near(figuresOf(monitor.state, CUDA).quantile('pace', 0.5), 302 / 90, 'the pace');
});

test('years of log time neither overflow a weight nor keep what is long past', () => {
  const monitor = new Monitor();
  for (let year = 0; year < 30; year++) {
    register(monitor, 'gpu');
    for (let i = 0; i < 3; i++) job(monitor, 'gpu', { pace: 1 + year });
    for (const record of monitor.state.tables.paces.values()) {
      assert.ok(record.jobs > 0 && record.jobs < 1e12);
      assert.ok(record.pace.length <= 2 * 6, `${record.pace.length}`);
    }
    near(figuresOf(monitor.state, CUDA).quantile('pace', 0.5), (100 * (1 + year) + 2) / 90, 'the pace');
    monitor.later(365 * DAY_MS);
  }
});

test('groups and buckets are bounded, whatever workers say of themselves', () => {
  const monitor = new Monitor();
  const next = randomOf(5);
  for (let i = 0; i < GROUPS_MAX + 50; i++) {
    register(monitor, 'worker', { model: `model-${i}|${'x'.repeat(300)}`, device: 'cuda', instance_type: `type-${i}` });
    job(monitor, 'worker', { pace: 10 ** (4 * next() - 2), load: 10 ** (3 * next()), steps: 4 });
  }
  assert.ok(monitor.state.tables.paces.size <= GROUPS_MAX);
  const bytes = [...snapshotRows(monitor.state)].filter((row) => row.startsWith('["pace"')).join('').length;
  assert.ok(bytes < GROUPS_MAX * 8_000, `${bytes}`);
});

test('the time in which a worker could not be heard is no step', () => {
  const monitor = new Monitor();
  register(monitor, 'gpu');
  const beat = (leases: Lease[]) => monitor.beat('gpu', leases);
  const lease = monitor.claimed('job-away', { duration_seconds: 100 }, 'gpu');
  for (let i = 0; i < 10; i++) {
    beat([lease]);
    monitor.later(5_000).progress(lease, 1 + i);
  }
  monitor.later(10 * 60_000);
  // The report arrives before the first heartbeat does.
  monitor.progress(lease, 20);
  beat([lease]);
  monitor.later(5_000).progress(lease, 21);
  monitor.later(1_000).complete(lease);
  near(figuresOf(monitor.state, CUDA).quantile('gap', 1), 5, 'the longest step');
});

test('a fold that is restored at any time learns the same as the live one', () => {
  for (let seed = 1; seed <= 15; seed++) {
    const next = randomOf(seed);
    const [live, other] = [new Monitor(), new Monitor()];
    const kinds = [CUDA, CPU, { ...CUDA, model: 'tiny' }];
    for (let i = 0; i < 40; i++) {
      const kind = kinds[Math.floor(next() * kinds.length)]!;
      const times = { audio: 10 + 1_000 * next(), pace: 3 * next(), download: 9 * next(), load: 30 * next() };
      const away_ms = next() < 0.1 ? 400 * DAY_MS * next() : HOUR_MS * next();
      const from = jobs;
      for (const monitor of [live, other]) {
        jobs = from;
        register(monitor, 'worker', kind);
        job(monitor, 'worker', { ...times, steps: 3 + (i % 9) });
        monitor.later(Math.round(away_ms));
      }
      other.state = restore(snapshotRows(other.state));
    }
    assert.deepEqual([...snapshotRows(other.state)], [...snapshotRows(live.state)]);
    assert.ok(live.state.tables.paces.size > 5);
  }
});

test('what an older version had learned is read without what it did not measure', () => {
  const monitor = new Monitor();
  register(monitor, 'worker', CUDA);
  for (let i = 0; i < 25; i++) job(monitor, 'worker');
  const rows = [...snapshotRows(monitor.state)].map((row) => {
    const parts = JSON.parse(row) as [string, string, Record<string, unknown>];
    if (parts[0] !== 'pace') return row;
    const { stride: _, fetch: __, ...older } = parts[2];
    return JSON.stringify(['pace', parts[1], older]);
  });
  const restored = restore(rows);
  const figures = figuresOf(restored, CUDA);
  assert.equal(figures.quantile('stride', 0.5), null);
  assert.equal(figures.quantile('pace', 0.5), figuresOf(monitor.state, CUDA).quantile('pace', 0.5));
});

test('how steps vary is learned as parts of the usual step of their job', () => {
  const monitor = new Monitor();
  register(monitor, 'worker', CUDA);
  for (let i = 0; i < 25; i++) job(monitor, 'worker', { audio: i % 2 === 0 ? 100 : 1_000 });
  const figures = figuresOf(monitor.state, CUDA);
  assert.ok(figures.quantile('gap', 0.95)! / figures.quantile('gap', 0.05)! > 9);
  near(figures.quantile('stride', 0.05), 1, 'the least stride');
  near(figures.quantile('stride', 0.95), 1, 'the greatest');
});
