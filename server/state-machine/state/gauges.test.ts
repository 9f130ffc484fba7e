/**
 * Hours and days against an independent model: a plain list of what happened, walked millisecond boundary by boundary, without
 * the fold's sums. Seeded histories have retries, cancellations, sightings, workers that come and go, and hours without events.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NOTHING_KNOWN, type Sighting } from '../../../protocol/sighting.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../../protocol/time.ts';
import { currentPeriod, periodDocument } from '../../documents/system.ts';
import { applyEvents, beginSegment } from '../apply/apply.ts';
import type { JournalEvent } from '../events.ts';
import { type Lease, Monitor, observation } from '../testing.ts';
import { EMPTY_PERIOD } from './periods.ts';
import { HANDED_BACK, type PeriodRecord } from './records.ts';
import { SHARES_KEPT, type Share, sharesOf } from './shares.ts';
import { restore, snapshotRows } from './snapshot.ts';
import { State } from './state.ts';
import { oldestWaiting } from './waiting.ts';

/** What holds from `at_ms` until the next moment, read off the records. */
type Moment = { at_ms: number; depth: number; oldest_ms: number | null; paid: number; busy: number; idle: number };
type Segment = { seq: number; at_ms: number; events: JournalEvent[] };

/** A monitor that notes each segment, and what held after it. */
class Noted {
  readonly monitor = new Monitor({ worker_degraded_ms: 1e9, lease_ms: 30 * MINUTE_MS });
  readonly moments: Moment[] = [];
  readonly segments: Segment[] = [];

  constructor() {
    const { monitor } = this;
    const run = monitor.run.bind(monitor);
    monitor.run = (body, as) => {
      const result = run(body, as);
      if (result.events.length > 0) this.#note(result.events as JournalEvent[]);
      return result;
    };
  }

  #note(events: JournalEvent[]): void {
    const { state } = this.monitor;
    const { seq, at_ms } = state;
    this.segments.push({ seq, at_ms, events: events.map((event, i) => ({ ...event, id: `~${seq}//${i}` })) });
    // Counted from the records, not from the fold's indexes and sums.
    const workers = [...state.tables.workers.values()].filter((worker) => worker.state !== 'TERMINATED');
    const waiting = [...state.tables.jobs.values()].filter(
      (job) => job.state === 'QUEUED' && job.not_before_ms === null && job.observed === null,
    );
    const heads = (['high', 'normal', 'low'] as const).flatMap((priority) => {
      const [head] = waiting.filter((job) => job.priority === priority).sort((a, b) => a.place - b.place);
      return head ? [head.queued_ms] : [];
    });
    this.moments.push({
      at_ms,
      depth: waiting.length,
      oldest_ms: heads.length > 0 ? Math.min(...heads) : null,
      paid: workers.length,
      busy: workers.filter(({ holds }) => holds.length > 0).length,
      idle: workers.filter((worker) => worker.state === 'IDLE' && worker.holds.length === 0).length,
    });
    assert.equal(oldestWaiting(state), this.moments.at(-1)!.oldest_ms);
  }

  /** The figures of the queue and the workers in one period, as far as the history goes. */
  measured(from_ms: number, to_ms: number) {
    const sums = { ms: 0, depth_ms: 0, max: 0, oldest_ms: 0, paid_ms: 0, busy_ms: 0, idle_ms: 0 };
    let depth: number | null = null;
    for (const [i, moment] of this.moments.entries()) {
      const start = Math.max(from_ms, moment.at_ms);
      const end = Math.min(to_ms, this.moments[i + 1]?.at_ms ?? Number.NEGATIVE_INFINITY);
      if (end <= start) continue;
      sums.ms += end - start;
      sums.depth_ms += moment.depth * (end - start);
      sums.max = Math.max(sums.max, moment.depth);
      if (moment.oldest_ms !== null) sums.oldest_ms = Math.max(sums.oldest_ms, end - moment.oldest_ms);
      sums.paid_ms += moment.paid * (end - start);
      sums.busy_ms += moment.busy * (end - start);
      sums.idle_ms += moment.idle * (end - start);
      depth = moment.depth;
    }
    return { ...sums, depth };
  }

  /** What was counted in one period, from the events and the records of the jobs alone. */
  counted(from_ms: number, to_ms: number) {
    const jobs = [...this.monitor.state.tables.jobs.values()];
    const within = (at_ms: number | null) => at_ms !== null && at_ms >= from_ms && at_ms < to_ms;
    const entries = (state: string) =>
      jobs.flatMap((job) => job.history.filter((entry) => entry.state === state && within(entry.at_ms)).map(() => job));
    const own = entries('COMPLETED');
    const attempts = jobs.flatMap(({ earlier, run }) => [...earlier, ...(run ? [run] : [])]);
    const ended = attempts.filter((run) => within(run.ended_ms));
    const completed = ended.filter((run) => run.error_code === null);
    const total = (numbers: number[]) => numbers.reduce((sum, number) => sum + number, 0);
    return {
      submitted: jobs.filter(({ created_ms }) => within(created_ms)).length,
      completed: own.length,
      failed: entries('FAILED').length,
      cancelled: entries('CANCELLED').length,
      processing_ms: total(completed.map((run) => run.ended_ms! - run.assigned_ms)),
      audio_ms: total(own.map((job) => (job.duration_seconds ?? 0) * 1000)),
      // Instance seconds × price of the worker, which is $3.60 an hour for all.
      cost_usd: total(ended.map((run) => ((run.ended_ms! - run.assigned_ms) / HOUR_MS) * 3.6)),
    };
  }
}

function numbers(seed: number): (below: number) => number {
  let state = seed * 2_654_435_761 + 1;
  return (below) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) | 0;
    return ((state ^ (state >>> 13)) >>> 0) % below;
  };
}

/** About three days of everything that counts. */
function history(seed: number): Noted {
  const noted = new Noted();
  const { monitor } = noted;
  const below = numbers(seed);
  let leases: Lease[] = [];
  const taken = () => leases.splice(below(leases.length), 1)[0];
  for (let step = 0; step < 260; step++) {
    monitor.later(below(12) === 0 ? below(5 * HOUR_MS) : below(3) === 0 ? 0 : below(20 * MINUTE_MS));
    const worker_id = `worker-${below(4)}`;
    const priority = (['high', 'normal', 'low'] as const)[below(3)]!;
    const acts = [
      () => monitor.register(worker_id, 3.6),
      () => monitor.submit(`job-${step}`, { priority, duration_seconds: below(900), max_attempts: 1 + below(3) }),
      () => monitor.submit(`job-${step}`, { priority, duration_seconds: below(900), max_attempts: 1 + below(3) }),
      () => leases.push(...monitor.claim(worker_id, 1 + below(3))),
      () => leases.length > 0 && monitor.complete(taken()!),
      () => leases.length > 0 && monitor.fail(taken()!, { retryable: below(2) === 0 }),
      () => monitor.run({ type: 'cancel_job', job_id: `job-${below(step + 1)}` }),
      () => monitor.run({ type: 'terminate_worker', worker_id, reason: 'asked for' }),
      () => monitor.run({ type: 'drain_worker', worker_id }),
      () => monitor.run({ type: 'redrive', filter: {} }),
      () => monitor.tick(),
      () => monitor.beat(worker_id),
    ];
    acts[below(acts.length)]!();
    leases = leases.filter(({ job_id, token }) => {
      const run = monitor.state.job(job_id)?.run;
      return run?.token === token && run.ended_ms === null;
    });
  }
  return noted;
}

const seconds = (ms: number) => Math.round(ms) / 1000;
const rounded = (value: number, parts: number) => Math.round(value * parts) / parts;

/** The document of this period by the model alone; null where there is nothing to tell. */
function expected(noted: Noted, from_ms: number, to_ms: number) {
  const is = noted.measured(from_ms, to_ms);
  const sum = noted.counted(from_ms, to_ms);
  const ended = sum.completed + sum.failed;
  return {
    jobs_submitted: sum.submitted,
    jobs_completed: sum.completed,
    jobs_failed: sum.failed,
    jobs_cancelled: sum.cancelled,
    average_processing_time: sum.completed > 0 ? seconds(sum.processing_ms / sum.completed) : null,
    audio_seconds: seconds(sum.audio_ms),
    audio_hours: rounded(sum.audio_ms / HOUR_MS, 1e4),
    success_rate: ended > 0 ? rounded(sum.completed / ended, 1e4) : null,
    queue_depth: is.depth,
    queue_depth_max: is.max,
    queue_depth_mean: is.ms > 0 ? rounded(is.depth_ms / is.ms, 1e4) : null,
    age_oldest_message_max: is.max > 0 ? seconds(is.oldest_ms) : null,
    worker_seconds_paid: seconds(is.paid_ms),
    worker_seconds_busy: seconds(is.busy_ms),
    worker_seconds_idle: seconds(is.idle_ms),
    measured_seconds: seconds(is.ms),
  };
}

function assertSeries(noted: Noted, state: State, name: 'hours' | 'days', length_ms: number, seed: number): number {
  const table = state.tables[name];
  const last = Math.floor(state.at_ms / length_ms);
  let seen = 0;
  for (let period = Math.floor(noted.moments[0]!.at_ms / length_ms); period < last; period++) {
    const want = expected(noted, period * length_ms, (period + 1) * length_ms);
    const what = `seed ${seed}, ${name} ${period}`;
    if (!table.has(period)) {
      assert.deepEqual([want.jobs_submitted, want.jobs_completed, want.queue_depth_max], [0, 0, 0], what);
      assert.equal(want.worker_seconds_paid, 0, what);
      continue;
    }
    const { period_start, average_queue_time, cost_total, as_of_seq, ...is } = periodDocument(table, period, length_ms);
    assert.deepEqual(is, want, what);
    const { cost_usd } = noted.counted(period * length_ms, (period + 1) * length_ms);
    assert.ok(Math.abs(cost_total - cost_usd) < 1e-5, `${what}: ${cost_total}, not ${cost_usd}`);
    seen += 1;
  }
  return seen;
}

test('[A5] [A8] [A9] [A85] [A86] [A87] [A88] [A89] [A90] every figure of every hour and day is what a list of all that happened comes to', () => {
  let hours = 0;
  let days = 0;
  for (let seed = 1; seed <= 40; seed++) {
    const noted = history(seed);
    hours += assertSeries(noted, noted.monitor.state, 'hours', HOUR_MS, seed);
    days += assertSeries(noted, noted.monitor.state, 'days', DAY_MS, seed);
  }
  assert.ok(hours > 1500 && days > 60, `${hours} hours and ${days} days`);
});

/** What each worker did in one hour, from the records of the attempts alone. */
function sharesByWorker({ monitor }: Noted, from_ms: number): Map<string, Omit<Share, 'cost_micro_usd'>> {
  const shares = new Map<string, Omit<Share, 'cost_micro_usd'>>();
  for (const job of monitor.state.tables.jobs.values()) {
    for (const run of [...job.earlier, ...(job.run ? [job.run] : [])]) {
      if (run.ended_ms === null || run.ended_ms < from_ms || run.ended_ms >= from_ms + HOUR_MS) continue;
      const none = { completed: 0, attempts_failed: 0, processing_ms: 0, busy_ms: 0, audio_ms: 0 };
      const of = shares.get(run.worker_id) ?? none;
      const took_ms = run.ended_ms - run.assigned_ms;
      of.busy_ms += took_ms;
      if (run.error_code === null) {
        of.completed += 1;
        of.processing_ms += took_ms;
        of.audio_ms += (job.duration_seconds ?? 0) * 1000;
      } else if (!HANDED_BACK.has(run.error_code)) {
        // One that ended while its job was being cancelled is nobody's failure.
        const cancelled = job.history.some(
          ({ state, at_ms }) => /^CANCEL/.test(state) && at_ms >= run.assigned_ms && at_ms <= run.ended_ms!,
        );
        of.attempts_failed += cancelled ? 0 : 1;
      }
      shares.set(run.worker_id, of);
    }
  }
  return shares;
}

test('[A5] the share of each worker in an hour is what its attempts come to, and all shares together are the hour', () => {
  let seen = 0;
  for (let seed = 1; seed <= 40; seed++) {
    const noted = history(seed);
    const { state } = noted.monitor;
    const last = Math.floor(state.at_ms / HOUR_MS);
    for (let period = last - SHARES_KEPT.hour + 1; period <= last; period++) {
      const what = `seed ${seed}, hour ${period}`;
      const of = (by: 'worker' | 'model') => sharesOf(state, { step: 'hour', by, first: period, end: period + 1 });
      const workers = of('worker').map(({ name, share: { cost_micro_usd, ...rest } }) => [name, rest] as const);
      assert.deepEqual(new Map(workers), sharesByWorker(noted, period * HOUR_MS), what);
      const whole = state.tables.hours.get(period) ?? EMPTY_PERIOD;
      for (const by of ['worker', 'model'] as const) {
        const sum = (field: keyof Share) => of(by).reduce((total, { share }) => total + share[field], 0);
        assert.deepEqual(
          [sum('completed'), sum('processing_ms'), sum('audio_ms')],
          [whole.completed, whole.processing_ms, whole.audio_ms],
          what,
        );
        assert.ok(Math.abs(sum('cost_micro_usd') / 1e6 - whole.cost_usd) < 1e-4, what);
      }
      seen += workers.length;
    }
  }
  assert.ok(seen > 100, `${seen} shares`);
});

const rowsOf = (state: State) => [...snapshotRows(state)];

function folded(segments: readonly Segment[], between: (state: State) => State = (state) => state): State {
  let state = new State();
  for (const { seq, at_ms, events } of segments) {
    beginSegment(state, seq, at_ms);
    applyEvents(state, events);
    state = between(state);
  }
  return state;
}

test('another instance, and one restored from a snapshot after any segment, have the same series', () => {
  for (let seed = 1; seed <= 10; seed++) {
    const { segments } = history(seed);
    const live = folded(segments);
    assert.ok(live.tables.hours.size > 10);
    const below = numbers(seed);
    const restarted = folded(segments, (state) => (below(4) === 0 ? restore(snapshotRows(state)) : state));
    assert.deepEqual(rowsOf(restarted), rowsOf(live));
  }
});

test('the figures do not depend on how events are divided into segments of the same time', () => {
  const { segments } = history(3);
  const merged: Segment[] = [];
  for (const { at_ms, events } of segments) {
    const last = merged.at(-1);
    if (last?.at_ms === at_ms) last.events.push(...events);
    else merged.push({ seq: merged.length + 1, at_ms, events: [...events] });
  }
  assert.ok(merged.length < segments.length);
  const figures = (state: State) =>
    [...state.tables.hours.entries()].map(([hour, { version, ...rest }]) => [hour, rest]);
  assert.deepEqual(figures(folded(merged)), figures(folded(segments)));
});

const hour = (state: State, of: number) => state.tables.hours.get(Math.floor(of / HOUR_MS));

test('a worker that lives through hours without an event is paid in each of them, a job that waits is waiting', () => {
  const monitor = new Monitor({ worker_degraded_ms: 1e9 });
  const start = monitor.at_ms;
  monitor.register('worker-1', 1);
  monitor.submit('job-1');
  monitor.claim('worker-1');
  monitor.submit('job-2');
  monitor.later(3 * HOUR_MS).submit('job-3');
  const series = [0, 1, 2].map((n) =>
    periodDocument(monitor.state.tables.hours, Math.floor(start / HOUR_MS) + n, HOUR_MS),
  );
  assert.deepEqual(
    series.map((is) => [is.measured_seconds, is.worker_seconds_paid, is.worker_seconds_busy, is.worker_seconds_idle]),
    [
      [1800, 1800, 1800, 0],
      [3600, 3600, 3600, 0],
      [3600, 3600, 3600, 0],
    ],
  );
  assert.deepEqual(
    series.map((is) => [is.queue_depth, is.queue_depth_max, is.queue_depth_mean, is.age_oldest_message_max]),
    [
      [1, 1, 1, 1800],
      [1, 1, 1, 5400],
      [1, 1, 1, 9000],
    ],
  );
  const open = currentPeriod(monitor.state, 'hour');
  assert.deepEqual([open.queue_depth, open.worker_seconds_paid, open.measured_seconds], [2, 1800, 1800]);
});

test('hours in which no job waits and no worker lives have no record, however many there are', () => {
  const monitor = new Monitor();
  monitor.submit('job-1');
  monitor.run({ type: 'cancel_job', job_id: 'job-1' });
  monitor.later(20 * 365 * DAY_MS).submit('job-2');
  assert.equal(monitor.state.tables.hours.size, 1);
});

const sighted = (told: Partial<Sighting>): Sighting => ({ ...NOTHING_KNOWN, ...told }) as Sighting;

/** Everything but what the segment that closed it wrote. */
const figuresBefore = (state: State, at_ms: number): [number, PeriodRecord][] =>
  [...state.tables.hours.entries()].filter(([period]) => period < Math.floor(at_ms / HOUR_MS));

test('once an hour is over, no later event changes it: retries, late sightings, an import of history', () => {
  for (let seed = 1; seed <= 10; seed++) {
    const { monitor } = history(seed);
    monitor.later(HOUR_MS).submit('at-the-border');
    const over_ms = monitor.at_ms;
    const before = JSON.stringify(figuresBefore(monitor.state, over_ms));
    const days = JSON.stringify([...monitor.state.tables.days.entries()].slice(0, -1));
    const sightings = Array.from({ length: 50 }, (_, n) => {
      const ended_ms = over_ms - (n + 1) * 37 * MINUTE_MS;
      const times = { told_ms: ended_ms, started_ms: ended_ms - MINUTE_MS, ended_ms };
      return sighted({
        job_id: `old-${n}`,
        state: n % 3 ? 'COMPLETED' : 'FAILED',
        worker_id: `old-${n % 5}`,
        ...times,
      });
    });
    monitor.run(observation('log:/var/log/old.log', sightings));
    monitor.run({ type: 'redrive', filter: {} });
    monitor.register('worker-9', 1);
    monitor.claim('worker-9', 10);
    monitor.later(10 * MINUTE_MS).tick();
    assert.equal(JSON.stringify(figuresBefore(monitor.state, over_ms)), before, `seed ${seed}`);
    assert.equal(JSON.stringify([...monitor.state.tables.days.entries()].slice(0, -1)), days, `seed ${seed}`);
  }
});

test('a late end is counted in no hour, and a job that ended in the open hour in that', () => {
  const monitor = new Monitor();
  const start = monitor.at_ms;
  monitor.submit('job-1');
  monitor.later(HOUR_MS);
  const told = { state: 'COMPLETED', worker_id: 'worker-1', started_ms: start } as const;
  monitor.run(
    observation('log:x', [
      sighted({ job_id: 'late', ...told, told_ms: start + MINUTE_MS, ended_ms: start + MINUTE_MS }),
      sighted({ job_id: 'new', ...told, told_ms: monitor.at_ms, ended_ms: monitor.at_ms }),
    ]),
  );
  assert.deepEqual([hour(monitor.state, start)?.completed, hour(monitor.state, monitor.at_ms)?.completed], [0, 1]);
});

test('a snapshot of an older version restores; its hours have no gauges, the open one has those since', () => {
  const monitor = new Monitor({ worker_degraded_ms: 1e9 });
  const start = monitor.at_ms;
  monitor.register('worker-1', 1);
  monitor.submit('job-1');
  monitor.later(HOUR_MS).submit('job-2');
  const old = rowsOf(monitor.state).map((line) => {
    const row = JSON.parse(line) as [string, ...Record<string, unknown>[]];
    for (const part of row) if (typeof part === 'object' && part !== null) delete part.gauges;
    return JSON.stringify(row);
  });
  monitor.state = restore(old);
  const closed = periodDocument(monitor.state.tables.hours, Math.floor(start / HOUR_MS), HOUR_MS);
  assert.deepEqual([closed.jobs_submitted, closed.queue_depth_max, closed.worker_seconds_paid], [1, null, null]);
  monitor.later(10 * MINUTE_MS).submit('job-3');
  monitor.later(HOUR_MS).submit('job-4');
  const partial = periodDocument(monitor.state.tables.hours, Math.floor(start / HOUR_MS) + 1, HOUR_MS);
  assert.deepEqual([partial.measured_seconds, partial.worker_seconds_paid, partial.queue_depth_max], [1200, 1200, 3]);
});

test('gauges that an older version carried along without continuing them are not continued', () => {
  const monitor = new Monitor({ worker_degraded_ms: 1e9 });
  monitor.register('worker-1', 1);
  const carried = { ...monitor.state.scalars, at_ms: monitor.at_ms + MINUTE_MS };
  const rows = rowsOf(monitor.state).map((line) =>
    line.startsWith('["scalars"') ? JSON.stringify(['scalars', carried]) : line,
  );
  assert.equal(restore(rows).scalars.gauges, null);
});
