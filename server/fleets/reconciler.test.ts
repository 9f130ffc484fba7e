/** Reconciliation through the API, the command line and the duty, with workers on moto's EC2 over HTTP. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { CreateTagsCommand, RunInstancesCommand, TerminateInstancesCommand } from '@aws-sdk/client-ec2';
import type { Job } from '../../protocol/job.ts';
import type { Reconciliation, Worker } from '../../protocol/worker.ts';
import { runTmon } from '../../test/processes/tmon.ts';
import { JumpingClock } from '../../test/servers/jumping-clock.ts';
import { type Monitor, type MonitorOptions, openMonitor } from '../../test/servers/monitor.ts';
import { hold } from '../../test/servers/steps.ts';
import { createTemplate, openAws } from './testing-aws.ts';

const { faults, ec2 } = await openAws({ after });
await createTemplate(ec2, 'whisper');

const pass = (): void => {
  faults.fail = () => undefined;
};

const GRACE_MS = 300_000;
type Cleanup = { after(run: () => Promise<void>): void };

/** A monitor that reconciles on request alone. */
async function open(t: Cleanup, name: string, options: MonitorOptions = {}) {
  const clock = new JumpingClock();
  const fleet = `ec2:whisper?monitor=${name}`;
  const monitor = await openMonitor(t, { fleet, clock, reconcile_ms: 0, worker_start_ms: 86_400_000, ...options });
  const reconcile = async (dry_run = false) => {
    const { status, body } = await monitor.post<Reconciliation>('/workers/reconcile', { dry_run });
    assert.equal(status, 200);
    return body;
  };
  return { monitor, clock, reconcile };
}

const end = (instance_id: string | null) => ec2.send(new TerminateInstancesCommand({ InstanceIds: [instance_id!] }));
const workerOf = async (monitor: Monitor, worker_id: string) =>
  (await monitor.get<Worker>(`/workers/${worker_id}`)).body;

/** Not started by the monitor, with these tags. */
async function startInstance(tags: Record<string, string>): Promise<string> {
  const run = { LaunchTemplate: { LaunchTemplateName: 'whisper' }, MinCount: 1, MaxCount: 1 };
  const { Instances } = await ec2.send(new RunInstancesCommand(run));
  const Resources = [Instances![0]!.InstanceId!];
  const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
  if (Tags.length > 0) await ec2.send(new CreateTagsCommand({ Resources, Tags }));
  return Resources[0]!;
}

async function keysUnder(monitor: Monitor, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of monitor.store.list(prefix)) keys.push(key);
  return keys;
}

async function journalOf(monitor: Monitor): Promise<string> {
  const texts: string[] = [];
  for (const key of await keysUnder(monitor, 'journal/')) {
    const found = await monitor.store.get(key);
    if (found.found) texts.push(Buffer.from(found.bytes).toString('utf8'));
  }
  return texts.join('\n');
}

test('[A55] [A58] a worker whose instance has ended is terminated: its view moves, its job returns to the queue', async (t) => {
  const { monitor, clock, reconcile } = await open(t, 'orphans');
  const { worker_id, instance_id } = (await monitor.post<Worker>('/workers')).body;
  const other = (await monitor.post<Worker>('/workers')).body;
  const held = await hold(monitor, {}, worker_id);
  await end(instance_id);
  clock.jump(GRACE_MS + 1_000);
  const first = await reconcile();
  assert.deepEqual(
    [first.orphaned, first.unconfirmed.map(({ kind, worker_id }) => [kind, worker_id])],
    [[], [['orphaned', worker_id]]],
  );
  clock.jump(GRACE_MS + 1_000);
  const dry = await reconcile(true);
  assert.deepEqual([dry.dry_run, dry.orphaned.map((one) => one.worker_id)], [true, [worker_id]]);
  assert.notEqual((await workerOf(monitor, worker_id)).state, 'TERMINATED');
  const { orphaned } = await reconcile();
  assert.match(orphaned[0]!.reason, new RegExp(`instance ${instance_id} has ended`));
  assert.equal((await workerOf(monitor, worker_id)).state, 'TERMINATED');
  assert.equal((await workerOf(monitor, other.worker_id)).state, 'STARTING');
  assert.equal((await monitor.get<Job>(`/jobs/${held.id}`)).body.state, 'QUEUED');
  assert.deepEqual((await reconcile()).orphaned, [], 'a repetition compares again, and finds them in agreement');
  await monitor.stop();
  assert.match(await journalOf(monitor), new RegExp(`WorkerTerminated.*instance ${instance_id} has ended`));
  assert.ok((await keysUnder(monitor, 'workers/terminated/')).some((key) => key.includes(worker_id)));
  assert.deepEqual(await keysUnder(monitor, `workers/active/${worker_id}/status`), []);
  assert.equal((await keysUnder(monitor, `workers/active/${other.worker_id}/status`)).length, 1);
});

test('[A59] an instance of ours without a worker becomes one, STARTING, and registers under that id', async (t) => {
  const { monitor, clock, reconcile } = await open(t, 'adopts');
  const tagged = await startInstance({ 'tmon:monitor': 'adopts', 'tmon:worker_id': 'worker-before' });
  const untagged = await startInstance({ 'tmon:monitor': 'adopts' });
  await startInstance({});
  clock.jump(GRACE_MS + 1_000);
  assert.equal((await reconcile()).unconfirmed.length, 2);
  assert.deepEqual((await monitor.get('/workers')).body.items, []);
  clock.jump(GRACE_MS + 1_000);
  const { missing } = await reconcile();
  assert.deepEqual(missing.map((one) => [one.worker_id, one.instance_id]).sort(), [
    ['worker-before', tagged],
    [`worker-${untagged}`, untagged],
  ]);
  const worker = await workerOf(monitor, 'worker-before');
  assert.deepEqual([worker.state, worker.instance_id, worker.location.region], ['STARTING', tagged, 'us-east-1']);
  const registered = await monitor.put<Worker>(`/workers/worker-${untagged}`, { capabilities: {} });
  assert.deepEqual([registered.status, registered.body.state, registered.body.instance_id], [200, 'IDLE', untagged]);
  await monitor.stop();
  assert.match(
    await journalOf(monitor),
    new RegExp(`WorkerLaunched.*instance ${tagged} runs, and no worker was known`),
  );
});

test('a worker that sends heartbeats, runs elsewhere or reports no instance is left alone', async (t) => {
  const { monitor, clock, reconcile } = await open(t, 'spared');
  const region = { location: { region: 'us-east-1' } };
  const untagged = await startInstance({});
  for (const [worker_id, registration] of [
    ['worker-elsewhere', { instance_id: 'vm-1', ...region }],
    ['worker-far', { instance_id: 'i-0123456789abcdef0', location: { region: 'eu-west-1' } }],
    ['worker-nowhere', {}],
    ['worker-by-hand', { instance_id: untagged, ...region }],
    ['worker-beating', { instance_id: 'i-0123456789abcdef1', ...region }],
  ] as const) {
    await monitor.put(`/workers/${worker_id}`, { capabilities: {}, ...registration });
  }
  for (let look = 0; look < 3; look++) {
    assert.deepEqual((await reconcile()).orphaned, []);
    clock.jump(GRACE_MS + 1_000);
    // A registration is a sign of life, as every request of a worker is.
    await monitor.put('/workers/worker-beating', { capabilities: { batch_size: look + 1 } });
  }
  clock.jump(GRACE_MS + 1_000);
  await reconcile();
  clock.jump(GRACE_MS + 1_000);
  assert.deepEqual(
    (await reconcile()).orphaned.map(({ worker_id }) => worker_id),
    ['worker-beating'],
  );
});

test('a listing that fails is ignored, and the monitor continues', async (t) => {
  const { monitor, clock, reconcile } = await open(t, 'failing');
  const { worker_id, instance_id } = (await monitor.post<Worker>('/workers')).body;
  t.after(async () => pass());
  faults.fail = ({ action }) => (action === 'DescribeInstances' ? { code: 'InternalFailure', status: 500 } : undefined);
  clock.jump(GRACE_MS + 1_000);
  const { status, body } = await monitor.post('/workers/reconcile');
  assert.deepEqual([status, body.code], [503, 'aws_failed']);
  clock.jump(GRACE_MS + 1_000);
  pass();
  await end(instance_id);
  assert.deepEqual((await reconcile()).orphaned, [], 'one look');
  assert.equal((await workerOf(monitor, worker_id)).state, 'STARTING');
});

test('listings of EC2 that are empty for less than the grace time have no effect', async (t) => {
  const { monitor, clock, reconcile } = await open(t, 'empty');
  const { worker_id } = (await monitor.post<Worker>('/workers')).body;
  t.after(async () => pass());
  clock.jump(GRACE_MS + 1_000);
  for (let round = 0; round < 3; round++) {
    faults.fail = ({ action }) => (action === 'DescribeInstances' ? 'accepted' : undefined);
    for (let look = 0; look < 4; look++) {
      const { orphaned, unconfirmed } = await reconcile();
      assert.deepEqual([orphaned, unconfirmed.map((one) => one.worker_id)], [[], [worker_id]]);
      clock.jump(GRACE_MS / 5);
    }
    pass();
    assert.deepEqual((await reconcile()).unconfirmed, []);
  }
  assert.equal((await workerOf(monitor, worker_id)).state, 'STARTING');
});

test('the duty reconciles periodically, and survives failures', async (t) => {
  const fleet = 'ec2:whisper?monitor=duty';
  const monitor = await openMonitor(t, { fleet, reconcile_ms: 20, reconcile_grace_ms: 100 });
  const { worker_id, instance_id } = (await monitor.post<Worker>('/workers')).body;
  t.after(async () => pass());
  let failures = 2;
  faults.fail = ({ action }) =>
    action === 'DescribeInstances' && failures-- > 0 ? { code: 'UnauthorizedOperation', status: 403 } : undefined;
  await end(instance_id);
  const worker = await monitor.until<Worker>(`/workers/${worker_id}`, ({ state }) => state === 'TERMINATED');
  assert.equal(worker.instance_id, instance_id);
  assert.ok(failures < 0);
});

test('tmon reconcile prints its planned or completed changes, with reasons', async (t) => {
  const { monitor, clock, reconcile } = await open(t, 'cli');
  const environment = { TMON_SERVER: monitor.url };
  const agreed = await runTmon(t, ['reconcile'], { environment });
  assert.deepEqual([agreed.code, agreed.stdout], [0, '']);
  const { worker_id, instance_id } = (await monitor.post<Worker>('/workers')).body;
  await end(instance_id);
  clock.jump(GRACE_MS + 1_000);
  await reconcile();
  const early = await runTmon(t, ['reconcile', '--dry-run'], { environment });
  assert.match(early.stdout, new RegExp(`${worker_id}\\t${instance_id}\\tunconfirmed until`));
  clock.jump(GRACE_MS + 1_000);
  const dry = await runTmon(t, ['reconcile', '--dry-run', '--json'], { environment });
  assert.equal(JSON.parse(dry.stdout).orphaned[0].worker_id, worker_id);
  const done = await runTmon(t, ['reconcile'], { environment });
  assert.match(done.stdout, new RegExp(`${worker_id}\\t${instance_id}\\tterminated\\tits instance`));
});

test('a monitor without a fleet reports that; one with local workers finds them in agreement', async (t) => {
  const none = await openMonitor(t, { fleet: 'none:' });
  const { status, body } = await none.post('/workers/reconcile');
  assert.deepEqual([status, body.code], [409, 'fleet_not_listed']);
  const clock = new JumpingClock();
  const local = await openMonitor(t, { clock, fleet: 'local:exec:true {input} {output}', reconcile_ms: 0 });
  const { worker_id } = (await local.post<Worker>('/workers')).body;
  await local.until<Worker>(`/workers/${worker_id}`, ({ state }) => state === 'IDLE');
  const nothing = { dry_run: false, orphaned: [], missing: [], unconfirmed: [] };
  assert.deepEqual((await local.post('/workers/reconcile')).body, nothing);
});
