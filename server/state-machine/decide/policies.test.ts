/** What policies do about verdicts that stand: once, within limits, and never when many would act at once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HOUR_MS, MINUTE_MS } from '../../../protocol/time.ts';
import { readPolicies } from '../../policies/defaults.ts';
import type { Event, PolicyEvent } from '../events.ts';
import { lastHour } from '../state/actions.ts';
import { restore, snapshotRows } from '../state/snapshot.ts';
import { type Lease, Monitor, type Result } from '../testing.ts';
import type { Acting } from './actions.ts';

const FLEET: Acting = { by: 'instance-1', fleet: { replaces: false }, worker_ids: ['worker-new', 'worker-newer'] };
const NO_FLEET: Acting = { by: 'instance-1' };

function monitorWith(file: string, policy = {}): Monitor {
  const read = readPolicies(file);
  assert.deepEqual(read.problems ?? [], []);
  return new Monitor({ policies: read.policies!, ...policy });
}

const on = (name: string, more = ''): string =>
  `policies:\n  - {name: ${name}, mode: on${more.includes('after') ? '' : ', after: 0'}${more}}\n`;

let ticks = 0;
function tick(monitor: Monitor, acting: Acting = FLEET): Result {
  ticks += 1;
  return monitor.run({ type: 'tick', ids: [`alert-${ticks}`], expire: true, acting });
}

/** Beats with these leases for so long, as a worker does whose engine hangs. */
function beating(monitor: Monitor, worker_id: string, leases: Lease[], for_ms: number): void {
  for (let passed = 0; passed < for_ms; passed += 10_000) monitor.later(10_000).beat(worker_id, leases);
}

/** A job that hangs for longer than the ceiling, and the verdict on it. */
function hung(monitor: Monitor, job_id = 'job-1', worker_id = 'worker-1'): Lease {
  const lease = monitor.claimed(job_id, { duration_seconds: 600 }, worker_id);
  monitor.progress(lease, 10, { stage: 'transcribing' });
  beating(monitor, worker_id, [lease], 31 * MINUTE_MS);
  monitor.run({ type: 'tick', ids: [], expire: true });
  assert.equal(monitor.job(job_id).verdict?.status, 'hung');
  return lease;
}

const decisions = ({ events }: { events: readonly Event[] }) =>
  events
    .filter((event): event is PolicyEvent & { type: 'ActionDecided' } => event.type === 'ActionDecided')
    .map(({ entity, data }) => [entity, data.action, data.outcome]);
const types = ({ events }: Result): string[] =>
  events.map(({ type }) => type).filter((type) => !type.startsWith('Alert'));

test('a policy in dry_run records once what it would have done, and does nothing', () => {
  const monitor = monitorWith('policies: [{name: hung_job, after: 0}]');
  const lease = hung(monitor);
  assert.deepEqual(decisions(tick(monitor)), [['job-1', 'kill_engine', 'dry_run']]);
  const [note] = monitor.job().actions!;
  assert.deepEqual([note!.policy, note!.verdict, note!.outcome], ['hung_job', 'hung', 'dry_run']);
  monitor.later(5_000).beat('worker-1', [lease]);
  assert.deepEqual(decisions(tick(monitor)), []);
  assert.deepEqual(monitor.complete(lease).refusal, undefined);
});

test('a requeue ends the lease in the same command: the attempt does not count, and the old token is refused', () => {
  const monitor = monitorWith(on('hung_job', ', action: requeue'));
  const lease = hung(monitor);
  const result = tick(monitor);
  assert.deepEqual(types(result), ['ActionDecided', 'JobAttemptFailed', 'JobQueued']);
  const { state, attempt, last_error, run } = monitor.job();
  assert.deepEqual([state, attempt, last_error?.code, run?.fault], ['QUEUED', 1, 'requeued_hung', 'worker']);
  assert.equal(monitor.complete(lease).refusal?.code, 'lease_expired');
  monitor.register('worker-2');
  assert.deepEqual(monitor.claim('worker-1'), [], 'it goes to another worker');
  assert.equal(monitor.claim('worker-2').length, 1);
});

test('a job is acted on once for a verdict on an attempt, and again in another attempt, but not for ever', () => {
  const monitor = monitorWith(on('hung_job', ', action: requeue'));
  monitor.register('worker-1');
  monitor.submit('job-1', { max_attempts: 2, duration_seconds: 600 });
  const acted: string[] = [];
  for (let round = 0; round < 12 && monitor.job().state !== 'FAILED'; round++) {
    monitor.register(`worker-${round}`);
    const [lease] = monitor.claim(`worker-${round}`);
    monitor.progress(lease!, 10, { stage: 'transcribing' });
    beating(monitor, `worker-${round}`, [lease!], 31 * MINUTE_MS);
    monitor.run({ type: 'tick', ids: [], expire: true });
    const first = decisions(tick(monitor));
    acted.push(...first.map(([, , outcome]) => outcome!));
    assert.deepEqual(decisions(tick(monitor)), []);
    monitor.run({ type: 'terminate_worker', worker_id: `worker-${round}`, reason: 'over' });
  }
  assert.deepEqual([monitor.job().state, acted.length, new Set(acted)], ['FAILED', 7, new Set(['acted'])]);
});

test('kill_engine has a deadline: the lease is not renewed, and ends then', () => {
  const monitor = monitorWith(on('hung_job'));
  const lease = hung(monitor);
  assert.deepEqual(types(tick(monitor)), ['ActionDecided']);
  const deadline_ms = monitor.at_ms + monitor.policy.kill_deadline_ms;
  assert.deepEqual([monitor.job().kill_ms, monitor.job().run?.expires_ms], [deadline_ms, deadline_ms]);
  monitor.later(5_000).beat('worker-1', [lease]);
  assert.equal(monitor.job().run?.expires_ms, deadline_ms);
  monitor.later(60_000).beat('worker-1', [lease]);
  tick(monitor);
  const { state, attempt, last_error, kill_ms } = monitor.job();
  assert.deepEqual([state, attempt, last_error?.code, kill_ms], ['QUEUED', 1, 'engine_stalled', null]);
});

test('a job that moves again is not touched, although its verdict was recorded', () => {
  const monitor = monitorWith(on('hung_job', ', action: requeue'));
  const lease = hung(monitor);
  monitor.later(1_000).progress(lease, 20);
  assert.deepEqual(decisions(tick(monitor)), []);
  assert.equal(monitor.job().verdict?.status, 'on_track');
});

test('the verdict must have stood for as long as the policy says', () => {
  const monitor = monitorWith(on('hung_job', ', action: requeue, after: 2m'));
  const lease = hung(monitor);
  beating(monitor, 'worker-1', [lease], 110_000);
  assert.deepEqual(decisions(tick(monitor)), []);
  beating(monitor, 'worker-1', [lease], 10_000);
  assert.deepEqual(decisions(tick(monitor)), [['job-1', 'requeue', 'acted']]);
});

/** Jobs that hang together, each on a worker of its own, beside `healthy` ones. */
function hungTogether(monitor: Monitor, count: number, healthy = 0): void {
  const leases: Lease[] = [];
  for (let n = 1; n <= count + healthy; n++) {
    const lease = monitor.claimed(`job-${n}`, { duration_seconds: 600 }, `worker-${n}`);
    monitor.progress(lease, 10, { stage: 'transcribing' });
    leases.push(lease);
  }
  for (let passed = 0; passed < 31 * MINUTE_MS; passed += 10_000) {
    monitor.later(10_000);
    for (const [n, lease] of leases.entries()) {
      monitor.beat(`worker-${n + 1}`, [lease]);
      if (n >= count) monitor.progress(lease, 10 + (80 * passed) / (31 * MINUTE_MS));
    }
  }
  monitor.run({ type: 'tick', ids: [], expire: true });
}

test('more than per_hour are limited, over a restart; what is limited is done when the hour has passed', () => {
  const file = `${on('hung_job', ', action: requeue, per_hour: 2')}circuit_breaker: {share: 1}\n`;
  const monitor = monitorWith(file);
  hungTogether(monitor, 3);
  const outcomes = decisions(tick(monitor)).map(([, , outcome]) => outcome);
  assert.deepEqual(outcomes, ['acted', 'acted', 'limited']);
  monitor.state = restore(snapshotRows(monitor.state));
  const [held] = [...monitor.state.tables.jobs_by_state.PROCESSING.values()];
  const lease = { job_id: held!, token: monitor.job(held).run!.token!, expires_ms: 0 };
  const { worker_id } = monitor.job(held).run!;
  beating(monitor, worker_id, [lease], 59 * MINUTE_MS);
  assert.deepEqual(decisions(tick(monitor)), []);
  beating(monitor, worker_id, [lease], MINUTE_MS);
  assert.deepEqual(decisions(tick(monitor)), [[held, 'requeue', 'acted']]);
});

test('when many would act at once everything is paused, whatever the policy, until the time is over or somebody resumes', () => {
  const monitor = monitorWith(on('hung_job', ', action: requeue'));
  hungTogether(monitor, 4, 6);
  const result = tick(monitor);
  assert.deepEqual(types(result).slice(0, 1), ['PoliciesPaused']);
  assert.deepEqual(new Set(decisions(result).map(([, , outcome]) => outcome)), new Set(['paused']));
  assert.match(monitor.state.scalars.policies_paused!.reason, /^4 actions within 5 min are more than 3: the monitor, /);
  assert.deepEqual(decisions(tick(monitor)), [], 'a pause is recorded once for each');
  monitor.run({ type: 'resume_policies', by: 'ada' });
  assert.equal(decisions(tick(monitor)).filter(([, , outcome]) => outcome === 'acted').length, 4);
  assert.deepEqual(types(monitor.run({ type: 'resume_policies', by: 'ada' })), []);
});

test('a pause that ends by its time begins again while as many would act', () => {
  const monitor = monitorWith(`${on('hung_job', ', action: requeue')}circuit_breaker: {pause: 1m}\n`);
  hungTogether(monitor, 4, 6);
  tick(monitor);
  const leases = [...monitor.state.tables.jobs_by_state.PROCESSING.values()].map((job_id) => ({
    job_id,
    token: monitor.job(job_id).run!.token!,
    expires_ms: 0,
  }));
  for (let passed = 0; passed < MINUTE_MS; passed += 10_000) {
    monitor.later(10_000);
    for (const lease of leases) monitor.beat(monitor.job(lease.job_id).run!.worker_id, [lease]);
  }
  assert.deepEqual(
    types(tick(monitor)).filter((type) => type.startsWith('Policies')),
    ['PoliciesResumed', 'PoliciesPaused'],
  );
});

test('three jobs in a small fleet do not open the circuit breaker', () => {
  const monitor = monitorWith(on('hung_job', ', action: requeue'));
  hungTogether(monitor, 3);
  assert.equal(decisions(tick(monitor)).filter(([, , outcome]) => outcome === 'acted').length, 3);
});

test('a dead worker is found before its lease ends: requeue returns its job at once', () => {
  const monitor = monitorWith(on('dead_job'));
  const lease = monitor.claimed();
  beating(monitor, 'worker-1', [lease], 60_000);
  monitor.later(45_000).run({ type: 'tick', ids: [], expire: true });
  assert.equal(monitor.job().verdict?.status, 'dead');
  assert.ok(monitor.job().run!.expires_ms! > monitor.at_ms);
  tick(monitor);
  assert.deepEqual([monitor.job().state, monitor.job().attempt], ['QUEUED', 1]);
  assert.equal(monitor.worker().faults, undefined, 'what it lost together had one cause');
  assert.equal(monitor.beat('worker-1', [lease]).events.length, 1);
  assert.equal(monitor.complete(lease).refusal?.code, 'lease_expired');
});

test('what cannot be done here is refused once, with the reason', () => {
  const monitor = monitorWith(on('blocked_job', ', after: 0'));
  monitor.submit('job-1');
  monitor.later(MINUTE_MS).run({ type: 'tick', ids: [], expire: true });
  assert.equal(monitor.job().verdict?.status, 'blocked');
  assert.deepEqual(decisions(tick(monitor, NO_FLEET)), [['job-1', 'launch_worker', 'refused']]);
  assert.match(monitor.job().actions![0]!.reason, /has no fleet/);
  assert.deepEqual(decisions(tick(monitor, NO_FLEET)), []);
});

test('one worker is launched for all jobs that wait, and no other until it has come', () => {
  const monitor = monitorWith(on('blocked_job', ', after: 0'));
  for (const n of [1, 2, 3, 4, 5]) monitor.submit(`job-${n}`);
  monitor.later(MINUTE_MS).run({ type: 'tick', ids: [], expire: true });
  const result = tick(monitor);
  assert.deepEqual(types(result), ['ActionDecided', 'WorkerLaunched']);
  assert.equal(monitor.worker('worker-new').state, 'STARTING');
  assert.deepEqual([...monitor.state.tables.pending_actions.keys()].length, 1);
  assert.deepEqual(decisions(tick(monitor.later(MINUTE_MS))), []);
});

test('what cannot be done is refused in dry_run, too, so that dry_run is what would have been done', () => {
  const monitor = monitorWith('policies: [{name: blocked_job, after: 0}]');
  monitor.submit('job-1');
  monitor.later(MINUTE_MS).run({ type: 'tick', ids: [], expire: true });
  assert.deepEqual(decisions(tick(monitor, NO_FLEET)), [['job-1', 'launch_worker', 'refused']]);
});

test('an idle worker is not ended while a job waits', () => {
  const monitor = monitorWith(on('idle_worker'));
  monitor.run({ type: 'launch_worker', worker_id: 'worker-1', launch: {} });
  monitor.register('worker-1');
  for (let n = 0; n < 31; n++) monitor.later(MINUTE_MS).beat('worker-1');
  monitor.run({ type: 'tick', ids: [], expire: true });
  assert.equal(monitor.worker().verdict?.status, 'idle');
  monitor.submit('job-1');
  assert.deepEqual(decisions(tick(monitor)), []);
  monitor.run({ type: 'cancel_job', job_id: 'job-1' });
  assert.deepEqual(decisions(tick(monitor)), [['worker-1', 'terminate_instance', 'acted']]);
});

test('a suspended worker is restarted when it holds no job on trial', () => {
  const monitor = monitorWith(on('suspended_worker'));
  monitor.register('worker-1');
  for (const n of [1, 2, 3]) {
    monitor.submit(`job-${n}`);
    monitor.fail(monitor.claim('worker-1')[0]!, { code: 'gpu_unavailable' });
  }
  monitor.later(31_000).beat('worker-1');
  const [trial] = monitor.claim('worker-1');
  tick(monitor);
  assert.equal(monitor.worker().verdict?.status, 'suspended');
  assert.deepEqual(decisions(tick(monitor)), []);
  monitor.fail(trial!, { code: 'gpu_unavailable' });
  assert.deepEqual(decisions(tick(monitor)), [['worker-1', 'restart_worker', 'acted']]);
  assert.equal(monitor.worker().state, 'RESTARTING');
});

test('a worker that was not launched here is replaced by nobody; one that was is, with its capabilities', () => {
  const monitor = monitorWith(on('silent_worker', ', after: 0'));
  monitor.register('worker-own');
  monitor.run({ type: 'launch_worker', worker_id: 'worker-1', launch: { capabilities: { model: 'tiny' } } });
  monitor.run({
    type: 'register_worker',
    worker_id: 'worker-1',
    registration: { instance_id: 'i-1', capabilities: { model: 'tiny' } },
  });
  monitor.later(95_000);
  tick(monitor);
  monitor.later(95_000);
  tick(monitor);
  assert.deepEqual(monitor.worker('worker-1').verdict?.status, 'silent');
  assert.deepEqual(decisions(tick(monitor)), [
    ['worker-1', 'replace_worker', 'acted'],
    ['worker-own', 'replace_worker', 'refused'],
  ]);
  assert.deepEqual(
    [monitor.worker('worker-1').state, monitor.worker('worker-new').capabilities.model],
    ['TERMINATED', 'tiny'],
  );
  const [ordinal] = [...monitor.state.tables.pending_actions.keys()];
  monitor.run({ type: 'settle_action', ordinal: ordinal!, done: false, details: 'no capacity' });
  assert.deepEqual(monitor.state.tables.actions.get(ordinal!)?.machine, { state: 'failed', details: 'no capacity' });
  assert.equal(monitor.state.tables.pending_actions.size, 0);
});

test('an Auto Scaling group replaces a worker by itself: no other is launched', () => {
  const monitor = monitorWith(on('silent_worker', ', after: 0'));
  monitor.run({ type: 'launch_worker', worker_id: 'worker-1', launch: {} });
  monitor.run({ type: 'register_worker', worker_id: 'worker-1', registration: { capabilities: {} } });
  const group: Acting = { ...FLEET, fleet: { replaces: true } };
  for (let n = 0; n < 2; n++) tick(monitor.later(95_000), group);
  assert.deepEqual(types(tick(monitor, group)), ['ActionDecided', 'WorkerTerminated']);
});

test('restart_worker takes every job of the worker, and the one with the verdict counts as taken by a policy', () => {
  const monitor = monitorWith(on('hung_job', ', action: restart_worker'));
  monitor.submit('job-2', { duration_seconds: 600 });
  const lease = monitor.claimed('job-1', { duration_seconds: 600 });
  const [other] = [...monitor.claim('worker-1'), lease];
  const held = [lease, other!];
  for (const one of held) monitor.progress(one, 10, { stage: 'transcribing' });
  for (let n = 0; n < 186; n++) {
    monitor.later(10_000).beat('worker-1', held);
    monitor.progress(held[1]!, 10 + n / 10);
  }
  monitor.run({ type: 'tick', ids: [], expire: true });
  tick(monitor);
  assert.equal(monitor.worker().state, 'RESTARTING');
  assert.deepEqual(monitor.worker().holds, []);
  const codes = held.map(({ job_id }) => monitor.job(job_id).last_error?.code);
  assert.deepEqual(codes.sort(), ['requeued_hung', 'worker_restarted']);
});

test('a worker that is idle, suspended, silent or not registered has that verdict, until it is over', () => {
  const monitor = monitorWith('');
  monitor.register('worker-1');
  for (let n = 0; n < 31; n++) monitor.later(MINUTE_MS).beat('worker-1');
  tick(monitor);
  assert.equal(monitor.worker().verdict?.status, 'idle');
  monitor.submit('job-1');
  assert.deepEqual(types(tick(monitor)), [], 'a job that waits for a moment is no news of every worker');
  const [lease] = monitor.claim('worker-1');
  tick(monitor);
  assert.equal(monitor.worker().verdict, undefined);
  monitor.complete(lease!);
  monitor.later(95_000);
  for (let n = 0; n < 3; n++) tick(monitor.later(60_000));
  assert.equal(monitor.worker().verdict?.status, 'silent');
  monitor.beat('worker-1');
  tick(monitor);
  assert.equal(monitor.worker().verdict, undefined);
  const found = { instance_id: 'i-1', reason: 'it runs' };
  monitor.run({ type: 'launch_worker', worker_id: 'worker-i-1', launch: {}, found });
  tick(monitor);
  assert.equal(monitor.worker('worker-i-1').verdict?.status, 'missing');
  monitor.register('worker-i-1');
  tick(monitor);
  assert.equal(monitor.worker('worker-i-1').verdict, undefined);
});

test('an orphaned worker is ended at once by the default policy, however many there are; with the policy off it keeps its verdict', () => {
  const orphan = (monitor: Monitor, worker_id: string): Result => {
    const registration = { instance_id: `i-${worker_id}`, capabilities: {} };
    monitor.run({ type: 'register_worker', worker_id, registration });
    const since_ms = monitor.at_ms;
    const instance_id = `i-${worker_id}`;
    return monitor.run({ type: 'judge_orphaned', worker_id, instance_id, since_ms, reason: 'gone', by: 'x' });
  };
  const monitor = monitorWith('');
  for (let n = 0; n < 30; n++) {
    assert.deepEqual(types(orphan(monitor, `worker-${n}`)), ['WorkerJudged', 'ActionDecided', 'WorkerTerminated']);
  }
  assert.equal(monitor.state.scalars.policies_paused, null);
  const off = monitorWith('policies: [{name: orphaned_worker, mode: off}]');
  assert.deepEqual(types(orphan(off, 'worker-1')), ['WorkerJudged']);
  assert.equal(off.worker().verdict?.status, 'orphaned');
  tick(off.later(1_000));
  assert.equal(off.worker().verdict?.status, 'orphaned');
  off.later(1_000).beat('worker-1');
  tick(off);
  assert.equal(off.worker().verdict, undefined);
});

test('a policy decides about the jobs that its matchers select', () => {
  const urgent = '{name: urgent, verdict: hung, action: requeue, mode: on, where: [priority=high, tag=court]}';
  const file = `policies: [${urgent}, {name: hung_job, after: 0}]`;
  const monitor = monitorWith(file);
  const lease = monitor.claimed('job-1', { duration_seconds: 600, priority: 'high', tags: ['a', 'court'] });
  const other = monitor.claimed('job-2', { duration_seconds: 600, priority: 'high' }, 'worker-2');
  for (const one of [lease, other]) monitor.progress(one, 10, { stage: 'transcribing' });
  for (let n = 0; n < 186; n++) {
    monitor.later(10_000).beat('worker-1', [lease]);
    monitor.beat('worker-2', [other]);
  }
  monitor.run({ type: 'tick', ids: [], expire: true });
  assert.deepEqual(decisions(tick(monitor)).sort(), [
    ['job-1', 'requeue', 'acted'],
    ['job-2', 'kill_engine', 'dry_run'],
  ]);
});

test('decisions are forgotten beyond a thousand, and those of an hour ago no longer count', () => {
  const monitor = monitorWith('');
  for (let n = 0; n < 1_010; n++) {
    monitor.apply({
      type: 'ActionDecided',
      entity: 'job-9',
      data: {
        of: 'job',
        policy: 'p',
        verdict: 'hung',
        action: 'requeue',
        mode: 'on',
        outcome: 'acted',
        reason: '',
        evidence: {},
        worker_id: null,
        by: 'x',
      },
    });
  }
  assert.equal(monitor.state.tables.actions.size, 1_000);
  assert.equal(monitor.state.tables.policy_counts.get('p')!.acted.length, 1_000);
  assert.deepEqual([...snapshotRows(restore(snapshotRows(monitor.state)))], [...snapshotRows(monitor.state)]);
  assert.equal(lastHour(monitor.state, 'p', 'acted', monitor.at_ms + HOUR_MS).length, 0);
});
