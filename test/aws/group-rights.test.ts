/** The fleet of an Auto Scaling group with the rights of the template: nothing denied, nothing unused. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { checkRightsAt } from '../../server/doctor.ts';
import { startTestMonitor } from '../processes/tmon.ts';
import { asPrincipal, deployFullSystem, enforcePolicies, statementsOf } from './full-system.ts';
import { patternsUsed } from './policy.ts';

const system = await deployFullSystem({ after }, { Fleet: 'asg', AudioEvents: 'true' });
const { outputs, ids, stack } = system;
const proxy = await enforcePolicies({ after }, system);
/** moto's groups launch no spot instances, whose price would be requested; server-rights.test.ts proves that right. */
const OF_SPOT = 'ec2:DescribeSpotPriceHistory on *';
const identity = statementsOf(stack, 'ServerRole', ids);

test('[S34] workers are launched, restarted and terminated in the group with the rights of the role, without an unused right', async (t) => {
  const [, fleet = ''] = /--fleet '([^']+)'/.exec(outputs.ServeCommand!)!;
  const settings = { store: `s3://${ids.Bucket}/tmon`, fleet };
  const { api, stop } = await startTestMonitor(t, settings, asPrincipal(proxy, 'server'));
  const worker = await api.workers.launch();
  assert.match(worker.instance_id ?? '', /^i-/);
  await assertDoctorAgrees(fleet);
  await api.workers.restart(worker.worker_id);
  await api.workers.terminate(worker.worker_id);
  await proxy.requested('autoscaling:TerminateInstanceInAutoScalingGroup');
  await stop();
  const { seen } = proxy;
  assert.deepEqual(
    seen.filter(({ allowed }) => !allowed).map(({ action, resource }) => `${action} on ${resource}`),
    [],
  );
  const ours = identity.filter(({ Action }) => /^(ec2|autoscaling):/.test([Action].flat()[0]!));
  const used = new Set(ours.flatMap((one) => seen.flatMap((request) => patternsUsed(one, request))));
  const allowed = ours.flatMap(({ Action, Resource }) =>
    [Action].flat().flatMap((action) => [Resource].flat().map((resource) => `${action} on ${resource}`)),
  );
  assert.deepEqual(
    allowed.filter((one) => !used.has(one) && one !== OF_SPOT),
    [],
  );
});

/**
 * While an instance runs. The right to terminate cannot be tried; a size beyond the maximum is refused, so the group
 * keeps its own.
 */
async function assertDoctorAgrees(fleet: string): Promise<void> {
  const saved = { ...process.env };
  const began = proxy.seen.length;
  Object.assign(process.env, asPrincipal(proxy, 'server'));
  const rights = await checkRightsAt({ as: 'server', fleet });
  process.env = saved;
  // A request of the doctor does not prove that the monitor needs the right.
  proxy.seen.splice(began);
  assert.deepEqual(
    rights.map(({ check, verdict }) => `${verdict} ${check}`),
    [
      'pass ec2:DescribeInstances',
      'pass ec2:DescribeSpotPriceHistory',
      'pass autoscaling:DescribeAutoScalingGroups',
      'pass autoscaling:SetDesiredCapacity',
      'skip autoscaling:TerminateInstanceInAutoScalingGroup',
      'pass ec2:CreateTags',
      'pass ec2:RebootInstances',
    ],
  );
}
