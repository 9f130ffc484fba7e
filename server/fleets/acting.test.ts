/** Policies that act on machines: workers as real processes of a local fleet, and instances on moto's EC2. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Job } from '../../protocol/job.ts';
import type { DecidedAction } from '../../protocol/policies.ts';
import type { Worker } from '../../protocol/worker.ts';
import { JumpingClock } from '../../test/servers/jumping-clock.ts';
import { type Monitor, openMonitor } from '../../test/servers/monitor.ts';
import { submit } from '../../test/servers/steps.ts';
import { createTemplate, openAws } from './testing-aws.ts';

const { faults, ec2 } = await openAws({ after });
await createTemplate(ec2, 'whisper');

type Page<T> = { items: T[] };
type Cleanup = { after(run: () => void | Promise<void>): void };

async function open(t: Cleanup, fleet: string, policies: string) {
  const directory = mkdtempSync(join(tmpdir(), 'acting-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'policies.yaml');
  writeFileSync(path, policies);
  const clock = new JumpingClock();
  const monitor = await openMonitor(t as never, { fleet, policies: path, clock, lease_ms: 1_000, reconcile_ms: 0 });
  return { monitor, clock };
}

/** The first decision that acted, once its machine is not pending. */
async function done(monitor: Monitor): Promise<DecidedAction> {
  const isDone = ({ items }: Page<DecidedAction>) => items[0]?.machine != null && items[0].machine.state !== 'pending';
  return (await monitor.until<Page<DecidedAction>>('/system/actions?outcome=acted', isDone)).items[0]!;
}

/** A job that no worker can take, for long enough. */
async function blocked(monitor: Monitor, clock: JumpingClock): Promise<string> {
  const { job_id } = await submit(monitor);
  for (let n = 0; n < 20; n++) await clock.pass(1_000);
  return job_id;
}

const ON = 'policies: [{name: blocked_job, mode: on, after: 0}]';

test('a job that no worker can take launches one, a real process, which is known by the action', async (t) => {
  const { monitor, clock } = await open(t, 'local:exec:true {input} {output}', ON);
  const job_id = await blocked(monitor, clock);
  const action = await done(monitor);
  assert.deepEqual([action.job_id, action.action, action.machine?.state], [job_id, 'launch_worker', 'done']);
  const path = `/workers/${action.launched_worker_id}`;
  const worker = await monitor.until<Worker>(path, ({ state }) => state === 'IDLE' || state === 'ACTIVE');
  assert.match(worker.instance_id ?? '', /./);
  const { actions } = (await monitor.get<Job>(`/jobs/${job_id}`)).body;
  assert.deepEqual([actions.length, actions[0]?.outcome, actions[0]?.verdict], [1, 'acted', 'blocked']);
});

test('a launch that fails is recorded with its reason, is an alert, and is not repeated', async (t) => {
  const { monitor, clock } = await open(t, 'ec2:whisper?monitor=refused', ON);
  faults.fail = ({ action }) =>
    action === 'RunInstances' ? { code: 'InsufficientInstanceCapacity', status: 500 } : undefined;
  t.after(() => {
    faults.fail = () => undefined;
  });
  await blocked(monitor, clock);
  const action = await done(monitor);
  assert.equal(action.machine?.state, 'failed');
  assert.match(action.machine?.details ?? '', /InsufficientInstanceCapacity/);
  const worker = (await monitor.get<Worker>(`/workers/${action.launched_worker_id}`)).body;
  assert.deepEqual([worker.state, worker.reason?.startsWith('not launched: ')], ['TERMINATED', true]);
  for (let n = 0; n < 20; n++) await clock.pass(1_000);
  const alerts = await monitor.until<Page<{ rule: string; description: string }>>('/system/alerts', ({ items }) =>
    items.some(({ rule }) => rule === 'policy_failing'),
  );
  assert.match(alerts.items.find(({ rule }) => rule === 'policy_failing')!.description, /InsufficientInstanceCapacity/);
  const { items } = (await monitor.get<Page<DecidedAction>>('/system/actions')).body;
  assert.equal(items.length, 1);
});

test('a silent worker is replaced: its instance is ended, and another one is launched', async (t) => {
  const policy = 'policies: [{name: silent_worker, mode: on, after: 0}]';
  const { monitor, clock } = await open(t, 'ec2:whisper?monitor=silent', policy);
  const { worker_id, instance_id } = (await monitor.post<Worker>('/workers')).body;
  const registration = { instance_id, capabilities: { model: 'tiny' } };
  await monitor.put(`/workers/${worker_id}`, registration);
  for (let n = 0; n < 130; n++) await clock.pass(1_000);
  const action = await done(monitor);
  assert.deepEqual([action.worker_id, action.action, action.machine?.state], [worker_id, 'replace_worker', 'done']);
  const old = (await monitor.get<Worker>(`/workers/${worker_id}`)).body;
  assert.equal(old.state, 'TERMINATED');
  assert.deepEqual(
    old.actions.map(({ verdict, outcome }) => [verdict, outcome]),
    [['silent', 'acted']],
  );
  const next = (await monitor.get<Worker>(`/workers/${action.launched_worker_id}`)).body;
  assert.deepEqual([next.state, next.capabilities.model], ['STARTING', 'tiny']);
  assert.notEqual(next.instance_id, instance_id);
  const { body } = await monitor.post('/workers/reconcile');
  assert.deepEqual([body.orphaned, body.missing], [[], []]);
});
