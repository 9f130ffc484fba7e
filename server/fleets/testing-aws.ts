/**
 * For tests of fleets on AWS: moto with a launch template, behind a proxy that can fail requests; and a monitor on it.
 */
import { CreateLaunchTemplateCommand, EC2Client, type Instance, paginateDescribeInstances } from '@aws-sdk/client-ec2';
import type { Cleaning } from '../../test/processes/tmon.ts';
import { type AwsFaults, startAwsFaults } from '../../test/servers/aws-faults.ts';
import { motoSettings, startMoto } from '../../test/servers/moto.ts';

export type Aws = { faults: AwsFaults; ec2: EC2Client; moto: string };

/** Points the AWS clients of this process at moto until the tests of the file have ended. */
export async function openAws(t: Cleaning): Promise<Aws> {
  const saved = { ...process.env };
  const moto = await startMoto();
  t.after(() => moto.stop());
  const faults = await startAwsFaults(moto.endpoint);
  t.after(() => faults.stop());
  Object.assign(process.env, motoSettings(faults.endpoint));
  const ec2 = new EC2Client({ endpoint: moto.endpoint });
  t.after(() => {
    ec2.destroy();
    process.env = saved;
  });
  return { faults, ec2, moto: moto.endpoint };
}

export async function createTemplate(ec2: EC2Client, LaunchTemplateName: string): Promise<string> {
  const LaunchTemplateData = { ImageId: 'ami-12345678', InstanceType: 'g4dn.xlarge' as const };
  const { LaunchTemplate } = await ec2.send(
    new CreateLaunchTemplateCommand({ LaunchTemplateName, LaunchTemplateData }),
  );
  return LaunchTemplate!.LaunchTemplateId!;
}

export async function instancesIn(ec2: EC2Client, monitor?: string): Promise<Instance[]> {
  const found: Instance[] = [];
  for await (const { Reservations = [] } of paginateDescribeInstances({ client: ec2 }, {})) {
    for (const { Instances = [] } of Reservations) found.push(...Instances);
  }
  return monitor === undefined ? found : found.filter((instance) => tag(instance, 'tmon:monitor') === monitor);
}

export const tag = ({ Tags = [] }: Instance, name: string): string | undefined =>
  Tags.find(({ Key }) => Key === name)?.Value;
