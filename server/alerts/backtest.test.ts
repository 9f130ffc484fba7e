/** A replay of the journal finds what the monitor found while it ran, at the same times. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../../protocol/time.ts';
import { randomOf } from '../../test/random.ts';
import { extent } from '../../test/thorough.ts';
import { backtestStore } from '../backtest.ts';
import { MemoryStore } from '../objects/memory.ts';
import { Fold } from '../state-machine/apply/fold.ts';
import type { CommandBody } from '../state-machine/decide/commands.ts';
import type { Event } from '../state-machine/events.ts';
import { restore, snapshotRows } from '../state-machine/state/snapshot.ts';
import { type Lease, Monitor, type Result } from '../state-machine/testing.ts';
import { TurnedClock } from '../testing-clock.ts';
import { TestMonitor } from '../views/testing-monitor.ts';
import { Backtest, type Firing } from './backtest.ts';
import { EVALUATION_MS } from './evaluation.ts';
import { readAlertRules } from './rules/defaults.ts';

type Segment = { seq: number; at_ms: number; events: readonly Event[] };

/** A fold that keeps its journal. */
class Recorded extends Monitor {
  readonly segments: Segment[] = [];

  override run(body: CommandBody, as?: { id?: string }): Result {
    const result = super.run(body, as);
    if (result.events.length > 0) this.segments.push({ seq: this.state.seq, at_ms: this.at_ms, events: result.events });
    return result;
  }
}

/** The default rules, those that need a limit with one, and rules that wait. */
const RULES = readAlertRules(`rules:
  - {name: cost_per_hour, enabled: true, above: 1.5}
  - {name: cost_month, enabled: true, above: 30}
  - {name: failure_rate_high, above: 0.15, for: 10m}
  - {name: queue_growing, above: 0.2, for: 5m}
  - {name: queue_deep, signal: queue_depth, above: 15, for: 20m, severity: CRITICAL}
  - {name: all_gone, signal: worker_silent, absent: true}
`).rules!;

const SEED = 20_260_107;
const DAYS = extent(7, 3);
const WORKERS = 6;

/** A few days of a small fleet: days and nights, workers that fall silent, jobs that fail. */
function simulateDays(): Recorded {
  const monitor = new Recorded({
    alerts: RULES,
    lease_ms: HOUR_MS,
    worker_degraded_ms: 10 * MINUTE_MS,
    worker_lost_ms: 20 * MINUTE_MS,
    worker_terminated_ms: 2 * HOUR_MS,
  });
  const random = randomOf(SEED);
  const begin_ms = monitor.at_ms;
  /** Leases that end, and when. */
  const running: { lease: Lease; worker: number; ends_ms: number }[] = [];
  const silent_until = Array.from({ length: WORKERS }, () => 0);
  let jobs = 0;
  let alerts = 0;
  // Between two evaluations, so that which command came first is not in doubt.
  const moment = () => Math.floor(random() * (EVALUATION_MS - 2)) + 1;
  const act = () => {
    const hour = Math.floor((monitor.at_ms % DAY_MS) / HOUR_MS);
    if (random() < (hour >= 8 && hour < 18 ? 0.5 : 0.08)) monitor.submit(`job-${jobs++}`);
    for (let worker = 0; worker < WORKERS; worker++) {
      const id = `worker-${worker}`;
      if (random() < 0.001) silent_until[worker] = monitor.at_ms + random() * 4 * HOUR_MS;
      if (monitor.at_ms < silent_until[worker]!) continue;
      const known = monitor.state.worker(id);
      if (!known || known.state === 'TERMINATED') {
        const registration = { capabilities: { device: 'cuda', model: 'large-v3' }, location: { spot_price: 0.3 } };
        monitor.run({ type: 'register_worker', worker_id: id, registration });
      }
      const mine = running.filter((one) => one.worker === worker);
      monitor.beat(
        id,
        mine.map(({ lease }) => lease),
        { gpu_usage: worker === 0 ? 2 : 90 },
      );
      for (const one of mine) {
        if (monitor.at_ms < one.ends_ms) continue;
        running.splice(running.indexOf(one), 1);
        const fails = random() < (hour >= 20 ? 0.6 : 0.05);
        if (fails)
          monitor.fail(one.lease, { code: random() < 0.7 ? 'gpu_out_of_memory' : 'crashed', retryable: false });
        else monitor.complete(one.lease);
      }
      if (running.some((one) => one.worker === worker)) continue;
      const [lease] = monitor.claim(id);
      if (lease) running.push({ lease, worker, ends_ms: monitor.at_ms + (5 + random() * 40) * MINUTE_MS });
    }
    if (random() < 0.01) monitor.run({ type: 'purge_queue', queue: 'dlq', filter: {} });
  };
  let next_act_ms = begin_ms;
  for (let at_ms = begin_ms; at_ms < begin_ms + DAYS * DAY_MS; at_ms += EVALUATION_MS) {
    monitor.at_ms = at_ms;
    const ids = Array.from({ length: 20 }, () => `alert-${alerts++}`);
    monitor.run({ type: 'tick', ids, expire: true });
    if (at_ms < next_act_ms) continue;
    monitor.at_ms = at_ms + moment();
    act();
    next_act_ms = at_ms + 2 * MINUTE_MS;
  }
  return monitor;
}

/** What the monitor itself fired, as its journal says. */
function firedLive({ segments }: Recorded): object[] {
  const firings = new Map<string, Record<string, unknown>>();
  for (const { events } of segments) {
    for (const { type, entity, data } of events) {
      if (type === 'AlertRaised') {
        const { rule, labels, message, evaluated_ms } = data;
        firings.set(entity, { rule, labels, message, fired_ms: evaluated_ms, resolved_ms: null });
      } else if (type === 'AlertResolved') firings.get(entity)!.resolved_ms = data.evaluated_ms;
    }
  }
  return [...firings.values()];
}

const comparable = (firings: readonly Firing[]) =>
  firings.map(({ rule, labels, message, fired_ms, resolved_ms }) => ({ rule, labels, message, fired_ms, resolved_ms }));

function replay(segments: readonly Segment[], fold: Fold, since_ms: number, to_ms: number): Backtest {
  const backtest = new Backtest(RULES.rules, fold.state, since_ms);
  for (const { seq, at_ms, events } of segments) {
    backtest.advance(fold.state, at_ms);
    const lines = events.map((event) => JSON.stringify({ id: '~x//0', at: '', actor: '', ...event }));
    fold.replay({ seq, at_ms, lines });
  }
  backtest.advance(fold.state, to_ms);
  return backtest;
}

test('over simulated days a replay fires and resolves at the same times as the monitor did', () => {
  const days = simulateDays();
  const live = firedLive(days) as { rule: string; fired_ms: number }[];
  const fired = new Set(live.map(({ rule }) => rule));
  assert.ok(live.length > 100, `${live.length} alerts`);
  for (const rule of ['worker_lost', 'queue_deep', 'failure_rate_high', 'gpu_held', 'gpu_idle', 'cost_month']) {
    assert.ok(fired.has(rule), `${rule} never fired, only ${[...fired]}`);
  }
  const to_ms = days.at_ms + 1;
  assert.deepEqual(comparable(replay(days.segments, new Fold(), 0, to_ms).firings), live);

  const middle = Math.floor(days.segments.length / 2);
  const before = new Fold();
  replay(days.segments.slice(0, middle), before, 0, 0);
  const fold = new Fold();
  fold.state = restore(snapshotRows(before.state));
  const since_ms = fold.state.at_ms + 1;
  assert.deepEqual(
    comparable(replay(days.segments.slice(middle), fold, since_ms, to_ms).firings),
    live.filter(({ fired_ms }) => fired_ms >= since_ms),
  );
});

test('a replay reads a store beside its monitor: from the first segment, or from a snapshot when that was truncated', async () => {
  const clock = new TurnedClock('2026-01-05T08:00:00Z');
  const store = new MemoryStore(clock);
  const settings = { retention_ms: 10 * MINUTE_MS, snapshot_segments: 1_000 };
  const monitor = await TestMonitor.open({ store, clock, settings });
  const began_ms = clock.now();
  await monitor.submit('job-1');
  await clock.turn(40 * MINUTE_MS);
  await monitor.register('worker-1');
  await monitor.claim('worker-1');
  const [slow] = RULES.rules.filter(({ name }) => name === 'queue_slow');
  const ask = (since_ms: number) => backtestStore(store, { rules: [slow!], since_ms, now_ms: clock.now() });
  const whole = await ask(0);
  assert.deepEqual(
    whole.firings.map(({ fired_ms, resolved_ms }) => [fired_ms - began_ms, resolved_ms]),
    [[30 * MINUTE_MS, null]],
  );
  await clock.turn(EVALUATION_MS);
  assert.equal((await ask(0)).firings[0]?.resolved_ms, began_ms + 40 * MINUTE_MS + EVALUATION_MS);

  for (let n = 0; n < 2; n++) {
    await monitor.submit(`later-${n}`);
    await monitor.engine.journal.snapshot();
    await clock.turn(20 * MINUTE_MS);
  }
  assert.ok((await monitor.engine.journal.truncate()) > 0);
  const rest = await ask(0);
  assert.ok(rest.from_ms >= began_ms + 40 * MINUTE_MS, 'it says from when on');
  assert.equal(rest.firings.length, 1, 'the jobs that wait since');
  await monitor.stop();
});

test('rules on what only an instance observes are left out, by name', async () => {
  const clock = new TurnedClock('2026-01-05T08:00:00Z');
  const store = new MemoryStore(clock);
  const monitor = await TestMonitor.open({ store, clock });
  await monitor.submit('job-1');
  await clock.turn(SECOND_MS);
  const report = await backtestStore(store, { rules: RULES.rules, since_ms: 0, now_ms: clock.now() });
  assert.deepEqual(report.left_out, ['store_rule', 'store_slow', 'config_invalid']);
  await monitor.stop();
  await assert.rejects(
    backtestStore(new MemoryStore(clock), { rules: [], since_ms: 0, now_ms: 0 }),
    /holds no journal/,
  );
});
