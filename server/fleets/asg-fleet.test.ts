/** The fleet on an Auto Scaling group, on moto's Auto Scaling and EC2 over HTTP. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import {
  AutoScalingClient,
  CreateAutoScalingGroupCommand,
  DescribeAutoScalingGroupsCommand,
  SetDesiredCapacityCommand,
} from '@aws-sdk/client-auto-scaling';
import type { Instance } from '@aws-sdk/client-ec2';
import type { Reconciliation, Worker } from '../../protocol/worker.ts';
import { JumpingClock } from '../../test/servers/jumping-clock.ts';
import { type Monitor, openMonitor } from '../../test/servers/monitor.ts';
import { createTemplate, instancesIn, openAws, tag } from './testing-aws.ts';

const { faults, ec2, moto } = await openAws({ after });
await createTemplate(ec2, 'whisper');
const scaling = new AutoScalingClient({ endpoint: moto });
after(() => scaling.destroy());

async function createGroup(AutoScalingGroupName: string, MinSize: number, MaxSize: number): Promise<void> {
  const LaunchTemplate = { LaunchTemplateName: 'whisper', Version: '$Default' };
  const group = { AutoScalingGroupName, MinSize, MaxSize, LaunchTemplate, AvailabilityZones: ['us-east-1a'] };
  await scaling.send(new CreateAutoScalingGroupCommand({ ...group, DesiredCapacity: MinSize }));
}

async function desired(name: string): Promise<number | undefined> {
  const request = new DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: [name] });
  return (await scaling.send(request)).AutoScalingGroups?.[0]?.DesiredCapacity;
}

const runningIn = async (group: string): Promise<Instance[]> =>
  (await instancesIn(ec2)).filter(
    (instance) => tag(instance, 'aws:autoscaling:groupName') === group && instance.State?.Name === 'running',
  );

test('[A74] POST /workers raises the desired capacity by one, and marks the new instance with the worker’s id', async (t) => {
  await createGroup('grows', 1, 3);
  const monitor = await openMonitor(t, { fleet: 'asg:grows?server=https://monitor.example.com' });
  const { status, body } = await monitor.post<Worker>('/workers');
  assert.deepEqual([status, body.state, await desired('grows')], [201, 'STARTING', 2]);
  const mine = (await runningIn('grows')).filter((instance) => tag(instance, 'tmon:worker_id') !== undefined);
  assert.deepEqual(
    mine.map((one) => [one.InstanceId, tag(one, 'tmon:worker_id'), tag(one, 'tmon:server')]),
    [[body.instance_id, body.worker_id, 'https://monitor.example.com']],
  );
  assert.deepEqual([body.location.region, body.location.instance_type], ['us-east-1', 'g4dn.xlarge']);
});

test('concurrent launches get an instance each, up to MaxSize, which the refusal names', async (t) => {
  await createGroup('full', 0, 2);
  const monitor = await openMonitor(t, { fleet: 'asg:full' });
  const responses = await Promise.all([1, 2, 3].map(() => monitor.post('/workers')));
  assert.deepEqual(responses.map(({ status }) => status).sort(), [201, 201, 409]);
  const refused = responses.find(({ status }) => status === 409)!.body;
  assert.equal(refused.code, 'fleet_full');
  assert.match(refused.detail, /desired capacity is 2 of at most 2/);
  assert.match(refused.hint, /--max-size 3/);
  const instance_ids = responses.flatMap(({ body }) => (body.instance_id ? [body.instance_id] : []));
  assert.equal(new Set(instance_ids).size, 2);
});

test('[A73] a restart reboots the instance; DELETE ends it and lowers the desired capacity', async (t) => {
  await createGroup('shrinks', 0, 2);
  const monitor = await openMonitor(t, { fleet: 'asg:shrinks' });
  const { worker_id, instance_id } = (await monitor.post<Worker>('/workers')).body;
  await monitor.put(`/workers/${worker_id}`, { capabilities: {} });
  faults.requests.length = 0;
  await monitor.post(`/workers/${worker_id}/restart`);
  const rebooted = faults.requests.find(({ action, params }) => action === 'RebootInstances' && !params.has('DryRun'));
  assert.equal(rebooted?.params.get('InstanceId.1'), instance_id);
  await monitor.delete(`/workers/${worker_id}`);
  await monitor.stop();
  assert.deepEqual([await desired('shrinks'), await runningIn('shrinks')], [0, []]);
});

test('a worker that loses its machine ends it without lowering the desired capacity', async (t) => {
  await createGroup('replaces', 1, 2);
  const [instance] = await runningIn('replaces');
  const monitor = await openMonitor(t, { fleet: 'asg:replaces' });
  await monitor.put('/workers/worker-spot', { capabilities: {}, instance_id: instance!.InstanceId });
  await monitor.post('/workers/worker-spot/drain', { reason: 'spot interruption', replace: true });
  faults.requests.length = 0;
  await monitor.delete('/workers/worker-spot');
  await monitor.stop();
  const ended = faults.requests.filter(({ action }) => action === 'TerminateInstanceInAutoScalingGroup');
  assert.deepEqual(
    ended.map(({ params }) => [params.get('InstanceId'), params.get('ShouldDecrementDesiredCapacity')]),
    [[instance!.InstanceId, 'false']],
  );
  assert.equal(await desired('replaces'), 1);
  assert.ok(!(await runningIn('replaces')).some(({ InstanceId }) => InstanceId === instance!.InstanceId));
});

test('a worker that registered itself is matched by its instance', async (t) => {
  await createGroup('matched', 1, 2);
  const [instance] = await runningIn('matched');
  const monitor = await openMonitor(t, { fleet: 'asg:matched' });
  await monitor.put('/workers/worker-own', { capabilities: {}, instance_id: instance!.InstanceId });
  await monitor.delete('/workers/worker-own');
  await monitor.stop();
  assert.deepEqual(
    (await runningIn('matched')).map(({ InstanceId }) => InstanceId),
    [],
  );
});

test('at the minimum size the instance is still terminated, and the group replaces it', async (t) => {
  await createGroup('least', 1, 2);
  const [instance] = await runningIn('least');
  const monitor = await openMonitor(t, { fleet: 'asg:least' });
  await monitor.put('/workers/worker-own', { capabilities: {}, instance_id: instance!.InstanceId });
  const message = 'Currently, desiredSize equals minSize (1). Terminating instance without replacement will violate it';
  t.after(() => {
    faults.fail = () => undefined;
  });
  faults.fail = ({ params }) =>
    params.get('ShouldDecrementDesiredCapacity') === 'true' ? { code: 'ValidationError', message } : undefined;
  await monitor.delete('/workers/worker-own');
  await monitor.stop();
  assert.equal(await desired('least'), 1);
  assert.ok(!(await runningIn('least')).some(({ InstanceId }) => InstanceId === instance!.InstanceId));
});

/** Launches a worker whose instance does not start for as long as the launch waits. */
async function launchUnmet(monitor: Monitor, clock: JumpingClock): Promise<Worker> {
  let launched: Worker | undefined;
  const launching = monitor.post<Worker>('/workers').then(({ body }) => {
    launched = body;
  });
  while (launched === undefined) {
    clock.jump(1_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await launching;
  return launched;
}

test('an instance that starts later is marked by the next listing; one that was not launched by the monitor is known by its own id', async (t) => {
  await createGroup('late', 0, 4);
  const clock = new JumpingClock();
  const monitor = await openMonitor(t, { fleet: 'asg:late', clock, reconcile_ms: 0, worker_start_ms: 86_400_000 });
  t.after(() => {
    faults.fail = () => undefined;
  });
  // The group accepts the request, and has no instance for longer than the launch waits.
  faults.fail = ({ action }) => (action === 'SetDesiredCapacity' ? 'accepted' : undefined);
  const launched = await launchUnmet(monitor, clock);
  assert.deepEqual([launched.state, launched.instance_id], ['STARTING', null]);
  // It starts, and with it one more, requested by a scaling policy.
  await scaling.send(new SetDesiredCapacityCommand({ AutoScalingGroupName: 'late', DesiredCapacity: 2 }));
  await monitor.post<Reconciliation>('/workers/reconcile');
  const marks = (await runningIn('late')).map((instance) => tag(instance, 'tmon:worker_id'));
  assert.deepEqual(marks.sort(), [launched.worker_id, undefined]);
  const missing: Reconciliation['missing'] = [];
  for (let look = 0; look < 3; look++) {
    clock.jump(400_000);
    missing.push(...(await monitor.post<Reconciliation>('/workers/reconcile')).body.missing);
  }
  assert.deepEqual(
    missing.map(({ worker_id }) => worker_id),
    [`worker-${missing[0]?.instance_id}`],
  );
});

test('a launch whose instance has not started is cancelled by DELETE', async (t) => {
  await createGroup('taken-back', 0, 4);
  const clock = new JumpingClock();
  const monitor = await openMonitor(t, { fleet: 'asg:taken-back', clock, reconcile_ms: 0 });
  t.after(() => {
    faults.fail = () => undefined;
  });
  faults.fail = ({ action }) => (action === 'SetDesiredCapacity' ? 'accepted' : undefined);
  const launched = await launchUnmet(monitor, clock);
  await scaling.send(new SetDesiredCapacityCommand({ AutoScalingGroupName: 'taken-back', DesiredCapacity: 1 }));
  faults.fail = () => undefined;
  await monitor.delete(`/workers/${launched.worker_id}`);
  await monitor.stop();
  assert.equal(await desired('taken-back'), 0);
});

test('a group that does not exist is named at the launch', async (t) => {
  const monitor = await openMonitor(t, { fleet: 'asg:absent' });
  const { status, body } = await monitor.post('/workers');
  assert.deepEqual([status, body.code], [409, 'no_auto_scaling_group']);
});
