/**
 * The rights of a fleet on AWS. EC2 has dry runs; rights that are limited to tagged instances can be tried only on such
 * an instance. Auto Scaling has none: a size beyond the maximum is refused, and the right to terminate cannot be tried.
 */
import {
  AutoScalingClient,
  DescribeAutoScalingGroupsCommand,
  SetDesiredCapacityCommand,
} from '@aws-sdk/client-auto-scaling';
import {
  CreateTagsCommand,
  DescribeInstancesCommand,
  DescribeSpotPriceHistoryCommand,
  EC2Client,
  type Filter,
  RebootInstancesCommand,
  RunInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import { parseAsgFleetUrl, parseEc2FleetUrl } from '../fleets/aws-fleet-url.ts';
import { filter, MONITOR_TAG, WORKER_TAG } from '../fleets/ec2-instances.ts';
import type { Caller } from './caller.ts';
import { attempt, type Outcome, type Right } from './right.ts';

const DRY = ['DryRunOperation'];
const GROUP_TAG = 'aws:autoscaling:groupName';

export class FleetProbe {
  readonly #url: string;
  readonly #monitor: string;
  readonly #ec2: EC2Client;
  readonly #groups: AutoScalingClient;

  /** `store`: the URL with which the monitor marks its instances, unless the fleet's URL names another. */
  constructor(url: string, store: string) {
    this.#url = url;
    this.#monitor = store;
    const { region } = url.startsWith('asg:') ? parseAsgFleetUrl(url, store) : parseEc2FleetUrl(url, store);
    this.#ec2 = new EC2Client(region === null ? {} : { region });
    this.#groups = new AutoScalingClient(region === null ? {} : { region });
  }

  async rights(caller: Caller): Promise<Right[]> {
    const region = await this.#ec2.config.region();
    const arn = (service: string, rest: string) =>
      `arn:${caller.partition}:${service}:${region}:${caller.account}:${rest}`;
    const own = this.#url.startsWith('asg:') ? this.#groupRights(arn) : this.#instanceRights(arn);
    return [
      plain('ec2:DescribeInstances', 'finding and listing instances', () =>
        this.#ec2.send(new DescribeInstancesCommand({ DryRun: true })),
      ),
      {
        ...plain('ec2:DescribeSpotPriceHistory', 'spot prices; without it they are null', () =>
          this.#ec2.send(new DescribeSpotPriceHistoryCommand({ DryRun: true })),
        ),
        optional: true as const,
      },
      ...own,
    ];
  }

  close(): void {
    this.#ec2.destroy();
    this.#groups.destroy();
  }

  #instanceRights(arn: Arn): Right[] {
    const { name, version, monitor, spot } = parseEc2FleetUrl(this.#url, this.#monitor);
    const template = name.startsWith('lt-') ? { LaunchTemplateId: name } : { LaunchTemplateName: name };
    const ids = (context: Record<string, string>) => ({ resource: arn('ec2', 'instance/*'), context });
    const Tags = [
      { Key: WORKER_TAG, Value: 'worker-dry-run' },
      { Key: MONITOR_TAG, Value: monitor },
    ];
    const launch = new RunInstancesCommand({
      LaunchTemplate: { ...template, Version: version },
      MinCount: 1,
      MaxCount: 1,
      TagSpecifications: [{ ResourceType: 'instance', Tags }],
      ...(spot ? { InstanceMarketOptions: { MarketType: 'spot' as const } } : {}),
      DryRun: true,
    });
    const tagged = { [`aws:ResourceTag/${MONITOR_TAG}`]: monitor };
    const condition = { StringEquals: tagged };
    const one = this.#any(filter(`tag:${MONITOR_TAG}`, monitor));
    return [
      {
        action: 'ec2:RunInstances',
        resource: '*',
        ...(name.startsWith('lt-')
          ? { condition: { ArnEquals: { 'ec2:LaunchTemplate': arn('ec2', `launch-template/${name}`) } } }
          : {}),
        needed_for: 'launches; with it ec2:CreateTags, and iam:PassRole on the role of the template’s profile',
        expected: 'allowed',
        attempt: () => attempt(() => this.#ec2.send(launch), DRY),
      },
      this.#onInstance('ec2:RebootInstances', 'restarts', { ...ids(tagged), condition }, one, (id) =>
        this.#ec2.send(new RebootInstancesCommand({ InstanceIds: [id], DryRun: true })),
      ),
      this.#onInstance('ec2:TerminateInstances', 'ends', { ...ids(tagged), condition }, one, (id) =>
        this.#ec2.send(new TerminateInstancesCommand({ InstanceIds: [id], DryRun: true })),
      ),
    ];
  }

  #groupRights(arn: Arn): Right[] {
    const { name, monitor } = parseAsgFleetUrl(this.#url, this.#monitor);
    const group = arn('autoscaling', `autoScalingGroup:*:autoScalingGroupName/${name}`);
    const tagged = { [`aws:ResourceTag/${GROUP_TAG}`]: name };
    const about = { resource: arn('ec2', 'instance/*'), context: tagged, condition: { StringEquals: tagged } };
    const one = this.#any(filter(`tag:${GROUP_TAG}`, name));
    const Tags = [{ Key: MONITOR_TAG, Value: monitor }];
    return [
      plain('autoscaling:DescribeAutoScalingGroups', 'the size of the group', () =>
        this.#groups.send(new DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: [name] })),
      ),
      {
        action: 'autoscaling:SetDesiredCapacity',
        resource: group,
        needed_for: 'launches',
        expected: 'allowed',
        attempt: () => this.#tryToExceed(name),
      },
      {
        action: 'autoscaling:TerminateInstanceInAutoScalingGroup',
        resource: group,
        needed_for: 'ends',
        expected: 'allowed',
      },
      this.#onInstance('ec2:CreateTags', 'the worker’s id on its instance', about, one, (id) =>
        this.#ec2.send(new CreateTagsCommand({ Resources: [id], Tags, DryRun: true })),
      ),
      this.#onInstance('ec2:RebootInstances', 'restarts', about, one, (id) =>
        this.#ec2.send(new RebootInstancesCommand({ InstanceIds: [id], DryRun: true })),
      ),
    ];
  }

  /**
   * Requests one instance more than the maximum, which fails in a known way for callers with the right to resize the
   * group.
   */
  async #tryToExceed(name: string): Promise<Outcome> {
    const find = new DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: [name] });
    const { AutoScalingGroups = [] } = await this.#groups.send(find).catch(() => ({ AutoScalingGroups: [] }));
    const max = AutoScalingGroups[0]?.MaxSize;
    if (max === undefined) return { is: 'unsure', because: `the group ${name} does not exist, or cannot be read` };
    const resize = { AutoScalingGroupName: name, DesiredCapacity: max + 1, HonorCooldown: false };
    return attempt(() => this.#groups.send(new SetDesiredCapacityCommand(resize)), ['ValidationError']);
  }

  #onInstance(
    action: string,
    needed_for: string,
    about: Pick<Right, 'resource' | 'context' | 'condition'>,
    anyInstance: () => Promise<string | undefined>,
    run: (id: string) => Promise<unknown>,
  ): Right {
    const tryOn = async (): Promise<Outcome> => {
      const id = await anyInstance();
      return id === undefined ? { is: 'unsure', because: NO_INSTANCE } : attempt(() => run(id), DRY);
    };
    return { action, ...about, needed_for, expected: 'allowed', attempt: tryOn };
  }

  /** Requested once. */
  #any(...filters: Filter[]): () => Promise<string | undefined> {
    let found: Promise<string | undefined> | undefined;
    const find = async () => {
      const live = filter('instance-state-name', 'pending', 'running', 'stopping', 'stopped');
      const { Reservations = [] } = await this.#ec2.send(new DescribeInstancesCommand({ Filters: [...filters, live] }));
      return Reservations.flatMap(({ Instances = [] }) => Instances)[0]?.InstanceId;
    };
    return () => {
      found ??= find().catch(() => undefined);
      return found;
    };
  }
}

type Arn = (service: string, rest: string) => string;

const NO_INSTANCE = 'the policy may be limited to tagged instances, and none runs';

const plain = (action: string, needed_for: string, run: () => Promise<unknown>): Right => ({
  action,
  resource: '*',
  needed_for,
  expected: 'allowed',
  attempt: () => attempt(run, DRY),
});
