/**
 * Checks with dry runs whether the monitor has the permissions that its fleet needs on EC2, and logs one line per
 * missing permission. A policy may be limited to instances with certain tags, so restarts and ends are checked with the
 * first instance of the fleet: at the start if one runs, otherwise after the first launch.
 */
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

type Probe = () => Promise<unknown>;

export class Ec2Rights {
  readonly #options: RightsOptions;
  #checked_on_instance = false;

  constructor(options: RightsOptions) {
    this.#options = options;
  }

  async checkAtStart(): Promise<void> {
    const { client, instances, launch } = this.#options;
    await this.#try('ec2:DescribeInstances', () => client.send(new DescribeInstancesCommand({ DryRun: true })));
    if (launch !== null) {
      // Without its token, which would belong to a real launch afterwards.
      const { ClientToken: _, ...request } = launch;
      await this.#try('ec2:RunInstances', () => client.send(new RunInstancesCommand({ ...request, DryRun: true })));
      if (launch.InstanceMarketOptions !== undefined) await this.#try('ec2:DescribeSpotPriceHistory', prices(client));
    }
    const [first] = await instances.live().catch(() => []);
    if (first?.InstanceId !== undefined) await this.checkOn(first.InstanceId);
  }

  /** Does nothing after the first time. */
  async checkOn(instance_id: string): Promise<void> {
    if (this.#checked_on_instance) return;
    this.#checked_on_instance = true;
    const { client, launch } = this.#options;
    const about = { InstanceIds: [instance_id], DryRun: true };
    await this.#try('ec2:RebootInstances', () => client.send(new RebootInstancesCommand(about)));
    if (launch !== null)
      await this.#try('ec2:TerminateInstances', () => client.send(new TerminateInstancesCommand(about)));
  }

  async #try(action: string, probe: Probe): Promise<void> {
    const error = await probe().then(
      () => undefined,
      (error: unknown) => error,
    );
    if (error === undefined || wouldSucceed(error)) return;
    if (action !== 'ec2:RunInstances' && !isDenied(error)) return;
    const { fleet, log } = this.#options;
    const { message, hint } = awsFleetError(error, fleet, action);
    log('warn', hint === undefined ? message : `${message}; ${hint}`);
  }
}

const prices =
  (client: EC2Client): Probe =>
  () =>
    client.send(new DescribeSpotPriceHistoryCommand({ DryRun: true }));
