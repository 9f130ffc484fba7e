/**
 * Instances in EC2: found by their tags and ids, and as the monitor sees them. A fleet on AWS starts them in its own
 * way and uses this for everything else.
 */
import {
  DescribeSpotPriceHistoryCommand,
  type EC2Client,
  type Instance as Ec2Instance,
  type Filter,
  paginateDescribeInstances,
  RebootInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import { isId } from '../../protocol/ids.ts';
import type { Location } from '../../protocol/worker.ts';
import type { Instance, InstanceListing, Member } from './fleet.ts';

export const WORKER_TAG = 'tmon:worker_id';
export const MONITOR_TAG = 'tmon:monitor';
export const SERVER_TAG = 'tmon:server';

export const filter = (Name: string, ...Values: string[]): Filter => ({ Name, Values });

/** Marks the instances of the fleet, beside their state. */
type Scope = Filter;

const LIVE = filter('instance-state-name', 'pending', 'running', 'stopping', 'stopped');
const PAGE_MAX = 1000;
/** Limit of a filter's values. */
const VALUES_MAX = 200;

export type Ec2InstancesOptions = { client: EC2Client; region: string; scope: Scope; page_max?: number };

export class Ec2Instances implements InstanceListing {
  readonly region: string;
  readonly #client: EC2Client;
  readonly #scope: Scope;
  readonly #page_max: number;

  constructor({ client, region, scope, page_max = PAGE_MAX }: Ec2InstancesOptions) {
    this.#client = client;
    this.region = region;
    this.#scope = scope;
    this.#page_max = page_max;
  }

  isInstanceId(instance_id: string): boolean {
    return INSTANCE_ID.test(instance_id);
  }

  async list(claimed: readonly string[]): Promise<Instance[]> {
    const ours = await this.find(this.#scope);
    const known = new Set(ours.map(({ InstanceId }) => InstanceId));
    const instances = ours.map((instance) => this.#seen(instance, true));
    const others = claimed.filter((instance_id) => this.isInstanceId(instance_id) && !known.has(instance_id));
    for (let start = 0; start < others.length; start += VALUES_MAX) {
      // A filter, because an id that does not exist makes a request for ids fail.
      const ids = others.slice(start, start + VALUES_MAX);
      for (const other of await this.find(filter('instance-id', ...ids))) instances.push(this.#seen(other, false));
    }
    return instances;
  }

  /** The live instances of the fleet. */
  async live(): Promise<Ec2Instance[]> {
    return this.find(this.#scope, LIVE);
  }

  /** The instance of the fleet that this worker runs on. */
  async of({ worker_id, instance_id }: Member): Promise<Ec2Instance | undefined> {
    const [tagged] = await this.find(this.#scope, LIVE, filter(`tag:${WORKER_TAG}`, worker_id));
    if (tagged || instance_id === null || !this.isInstanceId(instance_id)) return tagged;
    const [claimed] = await this.find(this.#scope, LIVE, filter('instance-id', instance_id));
    return claimed;
  }

  async find(...filters: Filter[]): Promise<Ec2Instance[]> {
    const found: Ec2Instance[] = [];
    const pages = paginateDescribeInstances({ client: this.#client, pageSize: this.#page_max }, { Filters: filters });
    for await (const { Reservations = [] } of pages) {
      for (const { Instances = [] } of Reservations) found.push(...Instances);
    }
    return found;
  }

  async reboot(instance_id: string): Promise<void> {
    await this.#client.send(new RebootInstancesCommand({ InstanceIds: [instance_id] }));
  }

  async terminate(instance_id: string): Promise<void> {
    await this.#client.send(new TerminateInstancesCommand({ InstanceIds: [instance_id] }));
  }

  locationOf({ Placement, InstanceType }: Ec2Instance): Location {
    return {
      region: this.region,
      ...(Placement?.AvailabilityZone === undefined ? {} : { availability_zone: Placement.AvailabilityZone }),
      ...(InstanceType === undefined ? {} : { instance_type: InstanceType }),
    };
  }

  /** The current price per hour of a spot instance; null for others. */
  async spotPrice({ InstanceLifecycle, InstanceType, Placement }: Ec2Instance, now_ms: number): Promise<number | null> {
    if (InstanceLifecycle !== 'spot' || InstanceType === undefined) return null;
    const zone = Placement?.AvailabilityZone;
    const { SpotPriceHistory = [] } = await this.#client.send(
      new DescribeSpotPriceHistoryCommand({
        InstanceTypes: [InstanceType],
        ProductDescriptions: ['Linux/UNIX', 'Linux/UNIX (Amazon VPC)'],
        ...(zone === undefined ? {} : { AvailabilityZone: zone }),
        StartTime: new Date(now_ms),
        EndTime: new Date(now_ms),
      }),
    );
    const price = Number(SpotPriceHistory[0]?.SpotPrice ?? Number.NaN);
    return Number.isFinite(price) ? price : null;
  }

  #seen(instance: Ec2Instance, ours: boolean): Instance {
    const worker_id = tagOf(instance, WORKER_TAG);
    return {
      instance_id: instance.InstanceId!,
      worker_id: worker_id !== undefined && isId(worker_id) ? worker_id : null,
      state: STATES[instance.State?.Name ?? ''] ?? 'stopped',
      ours,
      launched_ms: instance.LaunchTime?.getTime() ?? 0,
      location: this.locationOf(instance),
    };
  }
}

export function tagOf({ Tags = [] }: Ec2Instance, name: string): string | undefined {
  return Tags.find(({ Key }) => Key === name)?.Value;
}

const INSTANCE_ID = /^i-[0-9a-f]{8,17}$/;

/** A state that is not known here counts as `stopped`, for which nothing is done. */
const STATES: Record<string, Instance['state']> = {
  pending: 'running',
  running: 'running',
  'shutting-down': 'ended',
  terminated: 'ended',
};
