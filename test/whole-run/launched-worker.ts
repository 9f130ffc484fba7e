/**
 * A worker on an instance that the monitor launched. moto runs no user data, so its part is done here: the template's script reads the
 * instance's tags, and the agent starts with what it wrote and with the line of the service that the user data installs.
 */
import { DescribeInstancesCommand, type EC2Client } from '@aws-sdk/client-ec2';
import type { Worker } from '../../protocol/worker.ts';
import type { Stack } from '../aws/template.ts';
import { fileIn, readIdentity } from '../aws/user-data.ts';
import { type Cleaning, type Program, startTmon, temporaryDirectory } from '../processes/tmon.ts';
import type { Keep } from './run.ts';

export type LaunchedWorker = { worker_id: string; instance_id: string; agent: Program };

export type Boot = { worker: Worker; ec2: EC2Client; stack: Stack; environment: Record<string, string>; keep: Keep };

export async function bootWorker(
  t: Cleaning,
  { worker, ec2, stack, environment, keep }: Boot,
): Promise<LaunchedWorker> {
  const { worker_id, instance_id } = worker;
  if (!instance_id) throw new Error(`${worker_id} was launched without an instance`);
  const { Reservations = [] } = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [instance_id] }));
  const { Tags = [] } = Reservations[0]!.Instances![0]!;
  const tags = Object.fromEntries(Tags.map(({ Key, Value }) => [`tags/instance/${Key}`, Value]));
  const userData: string = stack.resources.WorkerTemplate!.Properties.LaunchTemplateData.UserData;
  const identity = await readIdentity(t, userData, { 'instance-id': instance_id, ...tags });
  const unit = fileIn(userData, '/etc/systemd/system/tmon-worker.service');
  const [, service = ''] = /^Environment=(.*)$/m.exec(unit)!;
  const [, args = ''] = /^ExecStart=\S+\/tmon\.mjs (.*)$/m.exec(unit)!;
  const agent = startTmon(t, args.split(' '), {
    environment: {
      ...Object.fromEntries([...service.split(' '), ...identity].map((line) => line.split(/=(.*)/s).slice(0, 2))),
      TMON_WORK_DIR: temporaryDirectory(t),
      ...environment,
    },
  });
  keep(worker_id, agent);
  return { worker_id, instance_id, agent };
}
