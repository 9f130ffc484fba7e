/**
 * Workers on EC2 instances: `ec2:LAUNCH_TEMPLATE`. The launch template defines what runs; the instance's tags name its
 * worker and its monitor, so everything is found again after a restart of the monitor. Instances outlive it.
 *
 *     launch      RunInstances, as spot first if requested; its ClientToken is derived from the worker's id
 *     restart     RebootInstances        terminate     TerminateInstances
 */
import { hash } from 'node:crypto';
import { EC2Client, type Instance as Ec2Instance, RunInstancesCommand, type Tag } from '@aws-sdk/client-ec2';
import type { WorkerLaunch } from '../../protocol/worker.ts';
import { type AwsFleetOptions, awsClientConfig, FleetRequests, regionOf } from './aws-fleet.ts';
import { isCapacityError } from './aws-fleet-error.ts';
import type { Ec2FleetUrl } from './aws-fleet-url.ts';
import { Ec2Instances, filter, MONITOR_TAG, SERVER_TAG, tagOf, WORKER_TAG } from './ec2-instances.ts';
import { Ec2Rights } from './ec2-rights.ts';
import type { Fleet, InstanceListing, Member, Placement } from './fleet.ts';
import { FleetRoom } from './fleet-room.ts';

type Market = 'spot' | 'on-demand';

export class Ec2Fleet implements Fleet {
  readonly machines = { replaces: false };
  readonly #url: Ec2FleetUrl;
  readonly #options: AwsFleetOptions;
  readonly #client: EC2Client;
  readonly #instances: Ec2Instances;
  readonly #requests: FleetRequests;
  readonly #room: FleetRoom;
  readonly #rights: Ec2Rights;
  readonly #launching = new Map<string, Promise<Placement>>();
  #priceDenied = false;

  static async open(url: Ec2FleetUrl, options: AwsFleetOptions): Promise<Ec2Fleet> {
    const client = new EC2Client(awsClientConfig(url.region));
    const fleet = new Ec2Fleet(url, options, client, await regionOf(client, url.url));
    fleet.#check(() => fleet.#rights.checkAtStart());
    return fleet;
  }

  private constructor(url: Ec2FleetUrl, options: AwsFleetOptions, client: EC2Client, region: string) {
    this.#url = url;
    this.#options = options;
    this.#client = client;
    const scope = filter(`tag:${MONITOR_TAG}`, url.monitor);
    const { page_max } = options;
    this.#instances = new Ec2Instances({ client, region, scope, ...(page_max === undefined ? {} : { page_max }) });
    this.#requests = new FleetRequests(url.url);
    const live = async () => {
      const found = await this.#requests.run('ec2:DescribeInstances', () => this.#instances.live());
      return found.map((one) => ({ instance_id: one.InstanceId!, worker_id: tagOf(one, WORKER_TAG) }));
    };
    this.#room = new FleetRoom({ max: url.max, fleet: url.url, live, clock: options.clock });
    const launch = this.#request('worker-dry-run', url.spot ? 'spot' : 'on-demand');
    this.#rights = new Ec2Rights({ client, instances: this.#instances, launch, fleet: url.url, log: options.log });
  }

  get listing(): InstanceListing {
    const { region } = this.#instances;
    return {
      region,
      isInstanceId: (instance_id) => this.#instances.isInstanceId(instance_id),
      list: (claimed) =>
        this.#requests.all(() => this.#requests.run('ec2:DescribeInstances', () => this.#instances.list(claimed))),
    };
  }

  assertLaunches(): void {
    this.#requests.assertOpen();
  }

  async launch(worker_id: string, launch: WorkerLaunch): Promise<Placement> {
    const running = this.#launching.get(worker_id);
    if (running) return running;
    const launching = this.#requests
      .all(() => this.#launch(worker_id, launch))
      .finally(() => this.#launching.delete(worker_id));
    this.#launching.set(worker_id, launching);
    return launching;
  }

  async restart(member: Member): Promise<boolean> {
    return this.#withInstanceOf(member, 'ec2:RebootInstances', (id) => this.#instances.reboot(id));
  }

  async terminate(member: Member): Promise<boolean> {
    return this.#withInstanceOf(member, 'ec2:TerminateInstances', async (id) => {
      await this.#instances.terminate(id);
      this.#room.left(id);
    });
  }

  async close(): Promise<void> {
    await this.#requests.close();
    this.#client.destroy();
  }

  async #withInstanceOf(member: Member, action: string, act: (id: string) => Promise<void>): Promise<boolean> {
    return this.#requests.all(async () => {
      const instance = await this.#requests.run('ec2:DescribeInstances', () => this.#instances.of(member));
      if (!instance) return false;
      await this.#requests.run(action, () => act(instance.InstanceId!));
      return true;
    });
  }

  async #launch(worker_id: string, { location = {} }: WorkerLaunch): Promise<Placement> {
    const member = { worker_id, instance_id: null };
    const earlier = await this.#requests.run('ec2:DescribeInstances', () => this.#instances.of(member));
    const instance =
      earlier ??
      (await this.#requests.run('ec2:RunInstances', () =>
        this.#room.within(worker_id, () => this.#runAnyMarket(worker_id)),
      ));
    this.#check(() => this.#rights.checkOn(instance.InstanceId!));
    const price = location.spot_price ?? (await this.#priceOf(instance));
    const priced = price === null ? {} : { spot_price: price };
    return { instance_id: instance.InstanceId!, location: { ...this.#instances.locationOf(instance), ...priced } };
  }

  async #runAnyMarket(worker_id: string): Promise<Ec2Instance> {
    const { spot, on_demand_fallback } = this.#url;
    if (!spot) return this.#run(worker_id, 'on-demand');
    try {
      return await this.#run(worker_id, 'spot');
    } catch (error) {
      if (!on_demand_fallback || !isCapacityError(error)) throw error;
      this.#options.log('warn', `no spot instance for ${worker_id} (${(error as Error).name}); launching on demand`);
      return this.#run(worker_id, 'on-demand');
    }
  }

  async #run(worker_id: string, market: Market): Promise<Ec2Instance> {
    const { Instances = [] } = await this.#client.send(new RunInstancesCommand(this.#request(worker_id, market)));
    const [instance] = Instances;
    if (!instance?.InstanceId) throw new Error('the response names no instance');
    this.#options.log('info', `launched ${worker_id} as ${instance.InstanceId} (${market})`);
    return instance;
  }

  #request(worker_id: string, market: Market) {
    const { name, version, monitor, server } = this.#url;
    const template = name.startsWith('lt-') ? { LaunchTemplateId: name } : { LaunchTemplateName: name };
    const Tags: Tag[] = [
      { Key: 'Name', Value: worker_id },
      { Key: WORKER_TAG, Value: worker_id },
      { Key: MONITOR_TAG, Value: monitor },
      ...(server === null ? [] : [{ Key: SERVER_TAG, Value: server }]),
    ];
    return {
      LaunchTemplate: { ...template, Version: version },
      MinCount: 1,
      MaxCount: 1,
      ClientToken: clientToken(monitor, worker_id, market),
      TagSpecifications: [{ ResourceType: 'instance' as const, Tags }],
      ...(market === 'spot' ? { InstanceMarketOptions: { MarketType: 'spot' as const } } : {}),
    };
  }

  /** Null if it cannot be read: a price is no reason to fail a launch. */
  async #priceOf(instance: Ec2Instance): Promise<number | null> {
    const now_ms = this.#options.clock.now();
    const request = () => this.#instances.spotPrice(instance, now_ms);
    return this.#requests.run('ec2:DescribeSpotPriceHistory', request).catch((error: Error) => {
      if (!this.#priceDenied) this.#options.log('warn', `no spot prices: ${error.message}`);
      this.#priceDenied = true;
      return null;
    });
  }

  /** Not awaited: it only logs. */
  #check(rights: () => Promise<void>): void {
    this.#requests.all(rights).catch((error: Error) => this.#options.log('warn', error.message));
  }
}

/** Different for each market, because a token with other parameters is refused. */
function clientToken(monitor: string, worker_id: string, market: Market): string {
  return `tmon-${hash('sha256', JSON.stringify([monitor, worker_id, market]), 'hex').slice(0, 48)}`;
}
