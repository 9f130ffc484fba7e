/** The EC2 fleet, through the API and at its port, on moto's EC2 over HTTP. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { TerminateInstancesCommand } from '@aws-sdk/client-ec2';
import type { Worker } from '../../protocol/worker.ts';
import { Caller, openMonitor } from '../../test/servers/monitor.ts';
import { hold } from '../../test/servers/steps.ts';
import { systemClock } from '../clock.ts';
import { readSettings } from '../config.ts';
import { startMonitor } from '../main.ts';
import type { Fleet } from './fleet.ts';
import { openFleet } from './open-fleet.ts';
import { createTemplate, instancesIn, openAws, tag } from './testing-aws.ts';

const { faults, ec2 } = await openAws({ after });
const template = await createTemplate(ec2, 'whisper');

type Line = { level: string; message: string };

/** A fleet for one test, with its log; `line` waits for a line. */
async function open(t: { after(run: () => Promise<void>): void }, url: string) {
  const lines: Line[] = [];
  const waiting: (() => void)[] = [];
  const log = (level: string, message: string) => {
    lines.push({ level, message });
    for (const wake of waiting.splice(0)) wake();
  };
  const options = { clock: systemClock, serverUrl: () => '', monitor: 'given', log };
  const fleet: Fleet = await openFleet(url, options);
  t.after(async () => {
    faults.fail = () => undefined;
    await fleet.close();
  });
  const line = async (is: RegExp): Promise<Line> => {
    for (;;) {
      const found = lines.find(({ message }) => is.test(message));
      if (found) return found;
      await new Promise<void>((resolve) => waiting.push(resolve));
    }
  };
  return { fleet, lines, line };
}

const member = (worker_id: string) => ({ worker_id, instance_id: null });
const statesOf = async (monitor: string) => (await instancesIn(ec2, monitor)).map(({ State }) => State?.Name).sort();
const runs = () => faults.requests.filter(({ action, params }) => action === 'RunInstances' && !params.has('DryRun'));

test('[A74] POST /workers starts one tagged instance of the template, whose place and spot price the worker shows', async (t) => {
  const fleet = 'ec2:whisper?spot=true&monitor=api&server=https://monitor.example.com';
  const monitor = await openMonitor(t, { fleet });
  const { status, body } = await monitor.post<Worker>('/workers');
  assert.deepEqual([status, body.state], [201, 'STARTING']);
  const [instance, ...more] = await instancesIn(ec2, 'api');
  assert.ok(instance);
  assert.deepEqual(more, []);
  assert.equal(body.instance_id, instance.InstanceId);
  assert.equal(tag(instance, 'tmon:worker_id'), body.worker_id);
  assert.equal(tag(instance, 'tmon:server'), 'https://monitor.example.com');
  assert.deepEqual([instance.InstanceLifecycle, instance.InstanceType], ['spot', 'g4dn.xlarge']);
  const { AvailabilityZone } = instance.Placement!;
  assert.deepEqual(body.location, {
    region: 'us-east-1',
    availability_zone: AvailabilityZone,
    instance_type: 'g4dn.xlarge',
    spot_price: 0.00001,
  });
  const registered = await monitor.put<Worker>(`/workers/${body.worker_id}`, { capabilities: { model: 'large-v3' } });
  assert.deepEqual([registered.body.state, registered.body.location], ['IDLE', body.location]);
});

test('an on-demand instance has the price that its launch stated, or none', async (t) => {
  const monitor = await openMonitor(t, { fleet: `ec2:${template}?monitor=prices` });
  const priced = await monitor.post<Worker>('/workers', { location: { spot_price: 0.7 } });
  assert.deepEqual([priced.body.location.spot_price, priced.body.location.region], [0.7, 'us-east-1']);
  assert.equal((await monitor.post<Worker>('/workers')).body.location.spot_price, null);
});

test('[A73] a restart reboots the instance, also by a monitor that was started after the launch', async (t) => {
  const monitor = await openMonitor(t, { fleet: 'ec2:whisper?monitor=reboots' });
  const { body } = await monitor.post<Worker>('/workers');
  await hold(monitor, {}, body.worker_id);
  faults.requests.length = 0;
  assert.equal((await monitor.post<Worker>(`/workers/${body.worker_id}/restart`)).body.state, 'RESTARTING');
  const rebooted = () =>
    faults.requests.filter(({ action, params }) => action === 'RebootInstances' && !params.has('DryRun'));
  assert.equal(rebooted()[0]?.params.get('InstanceId.1'), body.instance_id);
  const { fleet } = await open(t, 'ec2:whisper?monitor=reboots');
  assert.equal(await fleet.restart(member(body.worker_id)), true);
  assert.equal(rebooted()[1]?.params.get('InstanceId.1'), body.instance_id);
});

test('DELETE terminates the instance of that worker and no other', async (t) => {
  const monitor = await openMonitor(t, { fleet: 'ec2:whisper?monitor=deletes' });
  const { worker_id } = (await monitor.post<Worker>('/workers')).body;
  await monitor.post<Worker>('/workers');
  assert.equal((await monitor.delete<Worker>(`/workers/${worker_id}`)).body.state, 'TERMINATED');
  await monitor.stop(); // Waits for the request to EC2.
  assert.deepEqual(await statesOf('deletes'), ['running', 'terminated']);
});

test('an instance that EC2 does not terminate ends neither the request nor the monitor', async (t) => {
  const lines: string[] = [];
  const settings = { store: 'memory:', listen: '127.0.0.1:0', fleet: 'ec2:whisper?monitor=stays' };
  const log = (_: string, message: string) => void lines.push(message);
  const running = await startMonitor(readSettings(settings, {}), { log });
  t.after(async () => {
    faults.fail = () => undefined;
    await running.stop();
  });
  const monitor = new Caller(running.url);
  const { worker_id } = (await monitor.post<Worker>('/workers')).body;
  faults.fail = ({ action, params }) =>
    action === 'TerminateInstances' && !params.has('DryRun')
      ? { code: 'UnauthorizedOperation', status: 403 }
      : undefined;
  assert.equal((await monitor.delete<Worker>(`/workers/${worker_id}`)).body.state, 'TERMINATED');
  await running.stop();
  assert.deepEqual(await statesOf('stays'), ['running']);
  assert.match(
    lines.join('\n'),
    new RegExp(`${worker_id} is terminated, .* lacks the permission ec2:TerminateInstances`),
  );
});

test('a launch that is repeated, at once or after a restart of the monitor, starts one instance', async (t) => {
  const { fleet } = await open(t, 'ec2:whisper?monitor=once');
  const [first, second] = await Promise.all([fleet.launch('worker-1', {}), fleet.launch('worker-1', {})]);
  assert.deepEqual(second, first);
  const again = await (await open(t, 'ec2:whisper?monitor=once')).fleet.launch('worker-1', {});
  assert.equal(again?.instance_id, first?.instance_id);
  assert.equal((await instancesIn(ec2, 'once')).length, 1);
});

test('a launch that EC2 repeats for us has the same ClientToken; another worker has another', async (t) => {
  const { fleet } = await open(t, 'ec2:whisper?monitor=tokens');
  let losing = true;
  // The first response is a failure after which the SDK sends the request again.
  faults.fail = ({ action, params }) => {
    if (action !== 'RunInstances' || params.has('DryRun') || !losing) return undefined;
    losing = false;
    return { code: 'InternalError', status: 500 };
  };
  faults.requests.length = 0;
  await fleet.launch('worker-1', {});
  await fleet.launch('worker-2', {});
  const tokens = runs().map(({ params }) => params.get('ClientToken'));
  assert.equal(tokens.length, 3);
  assert.equal(tokens[0], tokens[1]);
  assert.notEqual(tokens[1], tokens[2]);
});

for (const code of [
  'InsufficientInstanceCapacity',
  'SpotMaxPriceTooLow',
  'MaxSpotInstanceCountExceeded',
  'UnfulfillableCapacity',
]) {
  test(`without spot capacity (${code}) the instance is launched on demand, unless the fallback is off`, async (t) => {
    const url = `ec2:whisper?spot=true&monitor=${code}`;
    const { fleet, line } = await open(t, url);
    const noSpot = ({ action, params }: { action: string; params: URLSearchParams }) =>
      action === 'RunInstances' && params.get('InstanceMarketOptions.MarketType') === 'spot' && !params.has('DryRun');
    faults.fail = (request) => (noSpot(request) ? { code } : undefined);
    await fleet.launch('worker-1', {});
    const [instance] = await instancesIn(ec2, code);
    assert.notEqual(instance?.InstanceLifecycle, 'spot');
    await line(new RegExp(`no spot instance for worker-1 \\(${code}\\)`));
    const strict = await open(t, `${url}&on_demand_fallback=false`);
    await assert.rejects(strict.fleet.launch('worker-2', {}), { kind: 'unavailable', code: 'no_capacity' });
    assert.equal((await instancesIn(ec2, code)).length, 1);
  });
}

test('max refuses launches beyond it, also concurrent ones, and has room again after an end', async (t) => {
  const { fleet } = await open(t, 'ec2:whisper?max=2&monitor=full');
  const workers = ['worker-a', 'worker-b', 'worker-c'];
  const launches = await Promise.allSettled(workers.map((worker_id) => fleet.launch(worker_id, {})));
  assert.deepEqual(launches.map(({ status }) => status).sort(), ['fulfilled', 'fulfilled', 'rejected']);
  const refused = launches.find((launch) => launch.status === 'rejected')!.reason;
  assert.deepEqual([refused.kind, refused.code], ['conflict', 'fleet_full']);
  assert.match(refused.message, /2 of at most 2 instances/);
  assert.equal((await instancesIn(ec2, 'full')).length, 2);
  const runs = workers.find((_, at) => launches[at]!.status === 'fulfilled')!;
  assert.equal(await fleet.terminate(member(runs)), true);
  await fleet.launch('worker-d', {});
  assert.deepEqual(await statesOf('full'), ['running', 'running', 'terminated']);
});

test('a launch that fails leaves no worker behind but a TERMINATED one with the reason', async (t) => {
  const monitor = await openMonitor(t, { fleet: 'ec2:absent?monitor=fails' });
  const { status, body } = await monitor.post('/workers');
  assert.deepEqual([status, body.code], [409, 'no_launch_template']);
  assert.match(body.hint, /describe-launch-templates/);
  assert.deepEqual(
    (await monitor.get('/workers')).body.items.map(({ state }: Worker) => state),
    ['TERMINATED'],
  );
});

test('workers of other fleets are not touched: neither untagged ones nor those of another monitor', async (t) => {
  const { fleet: other } = await open(t, 'ec2:whisper?monitor=other');
  const placement = await other.launch('worker-1', {});
  const { fleet } = await open(t, 'ec2:whisper?monitor=mine');
  const worker = { worker_id: 'worker-1', instance_id: placement!.instance_id };
  assert.deepEqual([await fleet.terminate(worker), await fleet.restart(worker)], [false, false]);
  assert.deepEqual(await statesOf('other'), ['running']);
  await ec2.send(new TerminateInstancesCommand({ InstanceIds: [placement!.instance_id] }));
  assert.equal(await other.terminate(worker), false, 'an instance that has ended is not terminated again');
});

test('throttling is retried, then reported as unavailable with a time to wait', async (t) => {
  const { fleet } = await open(t, 'ec2:whisper?monitor=throttled');
  faults.fail = ({ action }) =>
    action === 'DescribeInstances' ? { code: 'RequestLimitExceeded', status: 503 } : undefined;
  faults.requests.length = 0;
  await assert.rejects(fleet.launch('worker-1', {}), (error: { code: string; retry_after_seconds: number }) => {
    assert.deepEqual([error.code, error.retry_after_seconds > 0], ['aws_throttled', true]);
    return true;
  });
  assert.ok(faults.requests.filter(({ action }) => action === 'DescribeInstances').length >= 3);
});

test('[A57] a listing has every page of the fleet, and claimed instances of others', async (t) => {
  const stranger = await (await open(t, 'ec2:whisper?monitor=stranger')).fleet.launch('worker-1', {});
  const options = { clock: systemClock, serverUrl: () => '', monitor: 'pages', log: () => {} };
  const { Ec2Fleet } = await import('./ec2-fleet.ts');
  const { parseEc2FleetUrl } = await import('./aws-fleet-url.ts');
  const fleet = await Ec2Fleet.open(parseEc2FleetUrl('ec2:whisper', 'pages'), { ...options, page_max: 5 });
  t.after(() => fleet.close());
  for (let n = 0; n < 7; n++) await fleet.launch(`worker-${n}`, {});
  faults.requests.length = 0;
  const listed = await fleet.listing.list([stranger!.instance_id, 'i-0000000000000dead', 'not-an-instance']);
  assert.ok(faults.requests.some(({ params }) => params.has('NextToken')));
  assert.equal(listed.filter(({ ours }) => ours).length, 7);
  assert.deepEqual(
    listed.filter(({ ours }) => !ours).map(({ instance_id }) => instance_id),
    [stranger!.instance_id],
  );
  assert.ok(listed.every(({ state, location }) => state === 'running' && location.instance_type === 'g4dn.xlarge'));
  faults.fail = ({ params }) => (params.has('NextToken') ? { code: 'Unavailable', status: 503 } : undefined);
  await assert.rejects(fleet.listing.list([]), { code: 'aws_failed' }, 'a partial list is an error');
});

for (const [url, says] of [
  ['ec2:', /names no launch template/],
  ['ec2:whisper?spot=yes', /spot=yes/],
  ['ec2:whisper?max=0', /max=0/],
  ['ec2:whisper?spto=true', /unknown option spto/],
  ['gce:whisper', /unknown fleet URL/],
] as const) {
  test(`the URL ${url} is refused with the reason`, async () => {
    const options = { clock: systemClock, serverUrl: () => '', monitor: 'x', log: () => {} };
    await assert.rejects(openFleet(url, options), { code: 'bad_fleet_url', message: says });
  });
}
