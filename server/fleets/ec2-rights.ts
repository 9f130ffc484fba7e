/** Asks EC2, by dry runs, whether the monitor may do what its fleet needs, and logs one line per missing permission. */
import {
  DescribeInstancesCommand,
  DescribeSpotPriceHistoryCommand,
  type EC2Client,
  RebootInstancesCommand,
  RunInstancesCommand,
  type RunInstancesCommandInput,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import { awsFleetError, isDenied, wouldSucceed } from './aws-fleet-error.ts';
import type { Ec2Instances } from './ec2-instances.ts';

export type RightsOptions = {
  client: EC2Client;
  instances: Ec2Instances;
  /** What a launch would request; null if the fleet launches in another way. */
  launch: RunInstancesCommandInput | null;
  fleet: string;
  log: (level: 'info' | 'warn', message: string) => void;
};

/** No instance has this id. */
const NOBODY = 'i-00000000000000000';

export async function logMissingRights({ client, instances, launch, fleet, log }: RightsOptions): Promise<void> {
  // Policies that are limited to tagged instances can only be asked about one of those.
  const InstanceIds = [await anyInstance(instances)];
  const probes: [string, () => Promise<unknown>][] = [
    ['ec2:DescribeInstances', () => client.send(new DescribeInstancesCommand({ DryRun: true }))],
    ['ec2:RebootInstances', () => client.send(new RebootInstancesCommand({ InstanceIds, DryRun: true }))],
  ];
  if (launch !== null) {
    const end = new TerminateInstancesCommand({ InstanceIds, DryRun: true });
    probes.push(['ec2:TerminateInstances', () => client.send(end)]);
    // Without its token, which would belong to a real launch afterwards.
    const { ClientToken: _, ...request } = launch;
    probes.push(['ec2:RunInstances', () => client.send(new RunInstancesCommand({ ...request, DryRun: true }))]);
    if (launch.InstanceMarketOptions !== undefined) probes.push(['ec2:DescribeSpotPriceHistory', prices(client)]);
  }
  for (const [action, probe] of probes) {
    const error = await probe().then(
      () => undefined,
      (error: unknown) => error,
    );
    if (error === undefined || wouldSucceed(error)) continue;
    if (action !== 'ec2:RunInstances' && !isDenied(error)) continue;
    const { message, hint } = awsFleetError(error, fleet, action);
    const unsure = InstanceIds[0] === NOBODY && /Reboot|Terminate/.test(action) ? UNSURE : '';
    log('warn', `${message}${hint === undefined ? '' : `; ${hint}`}${unsure}`);
  }
}

const UNSURE = ' (ignore this if the policy is limited to instances with the tag tmon:monitor: none runs yet)';

const prices = (client: EC2Client) => () => client.send(new DescribeSpotPriceHistoryCommand({ DryRun: true }));

async function anyInstance(instances: Ec2Instances): Promise<string> {
  const [first] = await instances.live().catch(() => []);
  return first?.InstanceId ?? NOBODY;
}
