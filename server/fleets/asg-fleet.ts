/**
 * Workers on the instances of an Auto Scaling group: `asg:GROUP`. The group picks the instance, so a launch raises its
 * desired capacity, waits for the new instance, and marks it with the worker's id before the worker starts. An instance
 * that starts later is marked by the next listing; one that was not launched by the monitor is known by its own id.
 *
 *     launch      SetDesiredCapacity + 1, within MaxSize; CreateTags
 *     restart     RebootInstances
 *     terminate   TerminateInstanceInAutoScalingGroup, desired capacity − 1 unless the worker is to be replaced
 */
import { AutoScalingClient } from '@aws-sdk/client-auto-scaling';
import { CreateTagsCommand, EC2Client, type Instance as Ec2Instance } from '@aws-sdk/client-ec2';
import type { WorkerLaunch } from '../../protocol/worker.ts';
import { sleep } from '../clock.ts';
import { AutoScalingGroup } from './auto-scaling-group.ts';
import { type AwsFleetOptions, awsClientConfig, FleetRequests, regionOf } from './aws-fleet.ts';
import type { AwsFleetUrl } from './aws-fleet-url.ts';
import { Ec2Instances, filter, MONITOR_TAG, SERVER_TAG, tagOf, WORKER_TAG } from './ec2-instances.ts';
import { Ec2Rights } from './ec2-rights.ts';
import type { Fleet, Instance, InstanceListing, Member, Placement } from './fleet.ts';

const ARRIVAL_LOOKS = 10;
const ARRIVAL_LOOK_MS = 1_000;

export class AsgFleet implements Fleet {
  readonly machines = { replaces: true };
  readonly #url: AwsFleetUrl;
  readonly #options: AwsFleetOptions;
  readonly #client: EC2Client;
  readonly #instances: Ec2Instances;
  readonly #group: AutoScalingGroup;
  readonly #requests: FleetRequests;
  readonly #rights: Ec2Rights;
  /** Launched workers whose instance has not started yet, oldest first. */
  readonly #expected = new Map<string, { known: ReadonlySet<string>; launch: WorkerLaunch }>();
  /** One launch at a time, so that each instance is assigned to one worker. */
  #turn: Promise<unknown> = Promise.resolve();

  static async open(url: AwsFleetUrl, options: AwsFleetOptions): Promise<AsgFleet> {
    const client = new EC2Client(awsClientConfig(url.region));
    const fleet = new AsgFleet(url, options, client, await regionOf(client, url.url));
    fleet.#check(() => fleet.#checkAtStart());
    return fleet;
  }

  private constructor(url: AwsFleetUrl, options: AwsFleetOptions, client: EC2Client, region: string) {
    this.#url = url;
    this.#options = options;
    this.#client = client;
    this.#instances = new Ec2Instances({ client, region, scope: filter('tag:aws:autoscaling:groupName', url.name) });
    this.#group = new AutoScalingGroup(new AutoScalingClient(awsClientConfig(url.region)), url);
    this.#requests = new FleetRequests(url.url);
    const { log } = options;
    this.#rights = new Ec2Rights({ client, instances: this.#instances, launch: null, fleet: url.url, log });
  }

  get listing(): InstanceListing {
    return {
      region: this.#instances.region,
      isInstanceId: (instance_id) => this.#instances.isInstanceId(instance_id),
      list: (claimed) => this.#requests.all(() => this.#inTurn(() => this.#list(claimed))),
    };
  }

  assertLaunches(): void {
    this.#requests.assertOpen();
  }

  async launch(worker_id: string, launch: WorkerLaunch): Promise<Placement | null> {
    return this.#requests.all(() => this.#inTurn(() => this.#launch(worker_id, launch)));
  }

  async restart(member: Member): Promise<boolean> {
    return this.#withInstanceOf(member, (id) =>
      this.#requests.run('ec2:RebootInstances', () => this.#instances.reboot(id)),
    );
  }

  async terminate(member: Member, { replace = false } = {}): Promise<boolean> {
    if (this.#expected.delete(member.worker_id)) {
      await this.#requests.all(() => this.#requests.run('autoscaling:SetDesiredCapacity', () => this.#group.shrink()));
      return true;
    }
    return this.#withInstanceOf(member, async (id) => {
      const action = 'autoscaling:TerminateInstanceInAutoScalingGroup';
      if (await this.#requests.run(action, () => this.#group.terminate(id, { replace }))) return;
      this.#options.log('warn', `${this.#url.url} is at its minimum size: it will replace ${id}, which is terminated`);
    });
  }

  async close(): Promise<void> {
    await this.#requests.close();
    this.#client.destroy();
    this.#group.close();
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(act);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #withInstanceOf(member: Member, act: (id: string) => Promise<void>): Promise<boolean> {
    return this.#requests.all(async () => {
      const instance = await this.#instanceOf(member);
      if (instance) await act(instance.InstanceId!);
      return instance !== undefined;
    });
  }

  #instanceOf(member: Member): Promise<Ec2Instance | undefined> {
    return this.#requests.run('ec2:DescribeInstances', () => this.#instances.of(member));
  }

  async #launch(worker_id: string, launch: WorkerLaunch): Promise<Placement | null> {
    const earlier = await this.#instanceOf({ worker_id, instance_id: null });
    if (earlier) return this.#placement(earlier, launch);
    if (!this.#expected.has(worker_id)) {
      const known = await this.#live();
      await this.#requests.run('autoscaling:SetDesiredCapacity', () => this.#group.grow());
      this.#expected.set(worker_id, { known: new Set(known.map(({ InstanceId }) => InstanceId!)), launch });
    }
    const { closing } = this.#requests;
    for (let look = 0; look < ARRIVAL_LOOKS && !closing.aborted; look++) {
      const assigned = await this.#giveOut(await this.#live());
      const instance = assigned.get(worker_id);
      if (instance) return this.#placement(instance, launch);
      await sleep(this.#options.clock, ARRIVAL_LOOK_MS, closing);
    }
    this.#options.log('info', `the instance of ${worker_id} has not come yet`);
    return null;
  }

  #live(): Promise<Ec2Instance[]> {
    return this.#requests.run('ec2:DescribeInstances', () => this.#instances.live());
  }

  /** Marks new instances with the ids of the workers that wait for one. */
  async #giveOut(live: readonly Ec2Instance[]): Promise<Map<string, Ec2Instance>> {
    const assigned = new Map<string, Ec2Instance>();
    const free = live.filter((instance) => isUnmarked(instance));
    for (const [worker_id, { known }] of this.#expected) {
      const index = free.findIndex(({ InstanceId }) => !known.has(InstanceId!));
      const [instance] = index < 0 ? [] : free.splice(index, 1);
      if (!instance) continue;
      await this.#requests.run('ec2:CreateTags', () => this.#mark(instance.InstanceId!, worker_id));
      this.#expected.delete(worker_id);
      this.#options.log('info', `launched ${worker_id} as ${instance.InstanceId}`);
      assigned.set(worker_id, instance);
      this.#check(() => this.#rights.checkOn(instance.InstanceId!));
    }
    return assigned;
  }

  async #mark(instance_id: string, worker_id: string): Promise<void> {
    const { monitor, server } = this.#url;
    const Tags = [
      { Key: WORKER_TAG, Value: worker_id },
      { Key: MONITOR_TAG, Value: monitor },
      ...(server === null ? [] : [{ Key: SERVER_TAG, Value: server }]),
    ];
    await this.#client.send(new CreateTagsCommand({ Resources: [instance_id], Tags }));
  }

  async #list(claimed: readonly string[]): Promise<Instance[]> {
    if (this.#expected.size > 0) await this.#giveOut(await this.#live());
    return this.#requests.run('ec2:DescribeInstances', () => this.#instances.list(claimed));
  }

  async #placement(instance: Ec2Instance, { location = {} }: WorkerLaunch): Promise<Placement> {
    const now_ms = this.#options.clock.now();
    const price = location.spot_price ?? (await this.#instances.spotPrice(instance, now_ms).catch(() => null));
    const priced = price === null ? {} : { spot_price: price };
    return { instance_id: instance.InstanceId!, location: { ...this.#instances.locationOf(instance), ...priced } };
  }

  /** Auto Scaling has no dry runs: missing permissions show when they are needed. */
  async #checkAtStart(): Promise<void> {
    await this.#rights.checkAtStart();
    await this.#requests.run('autoscaling:DescribeAutoScalingGroups', () => this.#group.size());
  }

  /** Not awaited: it only logs. */
  #check(rights: () => Promise<void>): void {
    const { log } = this.#options;
    this.#requests
      .all(rights)
      .catch(({ message, hint }: Error & { hint?: string }) => log('warn', hint ? `${message}; ${hint}` : message));
  }
}

const isUnmarked = (instance: Ec2Instance): boolean =>
  /^(pending|running)$/.test(instance.State?.Name ?? '') && tagOf(instance, WORKER_TAG) === undefined;
