/** One Auto Scaling group: its size, one more instance, one instance less. */
import {
  type AutoScalingClient,
  DescribeAutoScalingGroupsCommand,
  SetDesiredCapacityCommand,
  TerminateInstanceInAutoScalingGroupCommand,
} from '@aws-sdk/client-auto-scaling';
import { MonitorError } from '../../protocol/errors.ts';

export type GroupSize = { desired: number; max: number };

export class AutoScalingGroup {
  readonly #client: AutoScalingClient;
  readonly #name: string;
  readonly #fleet: string;

  constructor(client: AutoScalingClient, { name, url }: { name: string; url: string }) {
    this.#client = client;
    this.#name = name;
    this.#fleet = url;
  }

  async size(): Promise<GroupSize> {
    const request = new DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: [this.#name] });
    const [group] = (await this.#client.send(request)).AutoScalingGroups ?? [];
    if (group) return { desired: group.DesiredCapacity ?? 0, max: group.MaxSize ?? 0 };
    const message = `fleet ${this.#fleet}: the Auto Scaling group ${this.#name} does not exist`;
    throw new MonitorError('conflict', 'no_auto_scaling_group', message, {
      hint: '`aws autoscaling describe-auto-scaling-groups` lists those of this account and region.',
    });
  }

  /** Throws MonitorError `fleet_full` at the group's MaxSize. */
  async grow(): Promise<void> {
    const { desired, max } = await this.size();
    if (desired >= max) {
      const message = `fleet ${this.#fleet}: the desired capacity is ${desired} of at most ${max}`;
      throw new MonitorError('conflict', 'fleet_full', message, {
        hint: `aws autoscaling update-auto-scaling-group --auto-scaling-group-name ${this.#name} --max-size ${max + 1}`,
      });
    }
    await this.#resize(desired + 1);
  }

  /** Cancels one `grow` whose instance has not started. */
  async shrink(): Promise<void> {
    const { desired } = await this.size();
    await this.#resize(desired - 1);
  }

  /**
   * Lowers the desired capacity too, unless the group is to replace the instance. Returns false if it can't, because
   * the group is at its MinSize, and will therefore replace the instance.
   */
  async terminate(InstanceId: string, { replace }: { replace: boolean }): Promise<boolean> {
    const end = (ShouldDecrementDesiredCapacity: boolean) =>
      this.#client.send(new TerminateInstanceInAutoScalingGroupCommand({ InstanceId, ShouldDecrementDesiredCapacity }));
    try {
      await end(!replace);
      return true;
    } catch (error) {
      if (!/min\s?size/i.test((error as Error).message)) throw error;
      await end(false);
      return false;
    }
  }

  async #resize(DesiredCapacity: number): Promise<void> {
    const size = { AutoScalingGroupName: this.#name, DesiredCapacity, HonorCooldown: false };
    await this.#client.send(new SetDesiredCapacityCommand(size));
  }

  close(): void {
    this.#client.destroy();
  }
}
