/**
 * The stack of `tmon aws template --system full` on moto; resources that moto's CloudFormation omits are created with
 * the services' own requests.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  CloudFormationClient,
  CreateStackCommand,
  DescribeStackResourcesCommand,
  DescribeStacksCommand,
} from '@aws-sdk/client-cloudformation';
import {
  type Event,
  type LifecycleRule,
  PutBucketLifecycleConfigurationCommand,
  PutBucketNotificationConfigurationCommand,
  PutBucketVersioningCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import type { Cleaning } from '../processes/tmon.ts';
import { motoCredentials, startMoto } from '../servers/moto.ts';
import { type EnforcingProxy, startEnforcingProxy } from './enforcing-proxy.ts';
import type { Statement } from './policy.ts';
import { type References, readTemplate, resolveTemplate, type Stack, type Value } from './template.ts';

export const FULL_SYSTEM = fileURLToPath(new URL('../../deploy/cloudformation/full-system.yaml', import.meta.url));
const IMAGE = '/images/worker';
const KNOWN = {
  'AWS::AccountId': '123456789012',
  'AWS::Region': 'us-east-1',
  'AWS::Partition': 'aws',
  'AWS::URLSuffix': 'amazonaws.com',
};

export type FullSystem = {
  moto: string;
  /** As in the template. */
  stack: Stack;
  /** As in CloudFormation. */
  outputs: Record<string, string>;
  ids: Record<string, string>;
  client: { endpoint: string; region: string; credentials: typeof motoCredentials };
};

export async function deployFullSystem(t: Cleaning, overrides: Record<string, string> = {}): Promise<FullSystem> {
  const server = await startMoto();
  t.after(() => server.stop());
  const moto = server.endpoint;
  const client = { endpoint: moto, region: 'us-east-1', credentials: motoCredentials };
  const parameters = { MonitorUrl: 'https://monitor.example.com', ...(await networkOf(moto)), ...overrides };
  const cloudFormation = new CloudFormationClient(client);
  t.after(() => cloudFormation.destroy());
  const StackName = 'monitor';
  await cloudFormation.send(
    new CreateStackCommand({
      StackName,
      // moto reads the image's default before the parameter, and knows no images but Amazon Linux.
      TemplateBody: readFileSync(FULL_SYSTEM, 'utf8').replace(/\/aws\/service\/deeplearning\/\S+/, IMAGE),
      Capabilities: ['CAPABILITY_IAM'],
      Parameters: Object.entries(parameters).map(([ParameterKey, ParameterValue]) => ({
        ParameterKey,
        ParameterValue,
      })),
    }),
  );
  const { Stacks = [] } = await cloudFormation.send(new DescribeStacksCommand({ StackName }));
  const { StackResources = [] } = await cloudFormation.send(new DescribeStackResourcesCommand({ StackName }));
  const ids = Object.fromEntries(
    StackResources.map(({ LogicalResourceId, PhysicalResourceId }) => [LogicalResourceId!, PhysicalResourceId!]),
  );
  const outputs = Object.fromEntries((Stacks[0]?.Outputs ?? []).map((one) => [one.OutputKey!, one.OutputValue!]));
  const lists = { Subnets: parameters.Subnets.split(','), SecurityGroups: parameters.SecurityGroups.split(',') };
  const references = { ...KNOWN, ...parameters, ...lists, ImageId: 'ami-12345678', ...attributes(ids) };
  const system = { moto, stack: resolveTemplate(await readTemplate(FULL_SYSTEM), references), outputs, ids, client };
  await completeBucket(system);
  return system;
}

/** References to existing resources, and to those that moto's CloudFormation omits. */
function attributes(ids: Record<string, string>): References {
  const queue = (url = '') => url.split('/').at(-1)!;
  const role = (name = '') => `arn:aws:iam::123456789012:role/${name.split('/').at(-1)}`;
  const arn = (id: string) => `arn:aws:sqs:us-east-1:123456789012:${queue(ids[id])}`;
  return {
    ...ids,
    'Bucket.Arn': `arn:aws:s3:::${ids.Bucket}`,
    'Queue.Arn': arn('Queue'),
    'Queue.QueueName': queue(ids.Queue),
    'DeadLetterQueue.Arn': arn('DeadLetterQueue'),
    'DeadLetterQueue.QueueName': queue(ids.DeadLetterQueue),
    'ServerRole.Arn': role(ids.ServerRole),
    'WorkerRole.Arn': role(ids.WorkerRole),
    'WorkerProfile.Arn': `arn:aws:iam::123456789012:instance-profile/${ids.WorkerProfile}`,
    // AWS adds `:*`; moto does not.
    'WorkerLogs.Arn': `arn:aws:logs:us-east-1:123456789012:log-group:${ids.WorkerLogs}`,
    'WorkerTemplate.LatestVersionNumber': '1',
    AlertTopic: `arn:aws:sns:us-east-1:123456789012:${ids.AlertTopic}`,
  };
}

/** The rules of a template in the format of S3's own requests. */
export function lifecycleRules({ resources }: Stack): LifecycleRule[] {
  const rules = resources.Bucket!.Properties.LifecycleConfiguration.Rules as Value[];
  return rules.map(({ Id, Status, Prefix = '', ...rest }) => ({
    ID: Id,
    Status,
    Filter: { Prefix },
    ...(rest.ExpirationInDays === undefined ? {} : { Expiration: { Days: Number(rest.ExpirationInDays) } }),
    ...(rest.ExpiredObjectDeleteMarker ? { Expiration: { ExpiredObjectDeleteMarker: true } } : {}),
    ...(rest.NoncurrentVersionExpiration === undefined
      ? {}
      : { NoncurrentVersionExpiration: { NoncurrentDays: Number(rest.NoncurrentVersionExpiration.NoncurrentDays) } }),
    ...(rest.AbortIncompleteMultipartUpload === undefined
      ? {}
      : { AbortIncompleteMultipartUpload: rest.AbortIncompleteMultipartUpload }),
  }));
}

async function completeBucket({ stack, ids, client }: FullSystem): Promise<void> {
  const s3 = new S3Client({ ...client, forcePathStyle: true });
  const Bucket = ids.Bucket!;
  const { Status } = stack.resources.Bucket!.Properties.VersioningConfiguration;
  await s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status } }));
  const LifecycleConfiguration = { Rules: lifecycleRules(stack) };
  await s3.send(new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration }));
  const NotificationConfiguration = notificationsOf(stack);
  await s3.send(new PutBucketNotificationConfigurationCommand({ Bucket, NotificationConfiguration }));
  s3.destroy();
}

/** The messages that S3 sends to queues, in the format of S3's own requests. */
function notificationsOf({ resources }: Stack) {
  const { QueueConfigurations = [] } = resources.Bucket!.Properties.NotificationConfiguration ?? {};
  return {
    QueueConfigurations: (QueueConfigurations as Value[]).map(({ Event, Queue, Filter }) => ({
      Events: [Event as Event],
      QueueArn: Queue as string,
      Filter: { Key: { FilterRules: Filter.S3Key.Rules } },
    })),
  };
}

/** A proxy with the stack's roles, by the access keys `server` and `worker`, and its bucket's policy. */
export async function enforcePolicies(t: Cleaning, { moto, stack, ids }: FullSystem): Promise<EnforcingProxy> {
  const proxy = await startEnforcingProxy(moto);
  t.after(() => proxy.stop());
  const principal = (role: string) => ({
    arn: `arn:aws:iam::123456789012:role/${ids[role]!.split('/').at(-1)}`,
    identity: statementsOf(stack, role, ids),
  });
  proxy.principals = { server: principal('ServerRole'), worker: principal('WorkerRole') };
  proxy.resource_policies = stack.resources.BucketPolicy!.Properties.PolicyDocument.Statement as Statement[];
  return proxy;
}

export const asPrincipal = (proxy: EnforcingProxy, name: string) => ({
  AWS_ENDPOINT_URL: proxy.endpoint,
  AWS_REGION: 'us-east-1',
  AWS_ACCESS_KEY_ID: name,
  AWS_SECRET_ACCESS_KEY: 'secret',
});

/** Every statement of a role: its own policies, and the managed ones that are attached to it. */
export function statementsOf({ resources }: Stack, role: string, ids: Record<string, string>): Statement[] {
  const own = resources[role]!.Properties.Policies.flatMap((policy: Value) => policy.PolicyDocument.Statement);
  const attached = Object.values(resources).filter(
    ({ Type, Properties }) => Type === 'AWS::IAM::ManagedPolicy' && Properties.Roles.includes(ids[role]),
  );
  return [...own, ...attached.flatMap(({ Properties }) => Properties.PolicyDocument.Statement)] as Statement[];
}

/** What the template's owner already has: an image, a network. Requested by hand, to avoid two more clients. */
async function networkOf(moto: string): Promise<{ Subnets: string; SecurityGroups: string; ImageId: string }> {
  const image = { Name: IMAGE, Value: 'ami-12345678', Type: 'String', DataType: 'aws:ec2:image' };
  const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'AmazonSSM.PutParameter' };
  await ask(moto, 'ssm', { headers, body: JSON.stringify(image) });
  const describe = async (what: string, pattern: RegExp) => {
    const text = await ask(moto, 'ec2', { body: `Action=Describe${what}&Version=2016-11-15` });
    return [...text.matchAll(pattern)].map(([, id = '']) => id);
  };
  const subnets = await describe('Subnets', /<subnetId>([^<]+)</g);
  const [group = ''] = await describe('SecurityGroups', /<groupId>([^<]+)</g);
  return { Subnets: subnets.slice(0, 2).join(','), SecurityGroups: group, ImageId: IMAGE };
}

export async function ask(
  moto: string,
  service: string,
  {
    headers = { 'content-type': 'application/x-www-form-urlencoded' },
    body,
  }: { headers?: Record<string, string>; body: string },
): Promise<string> {
  const authorization = `AWS4-HMAC-SHA256 Credential=test/20250101/us-east-1/${service}/aws4_request, SignedHeaders=host, Signature=0`;
  const response = await fetch(moto, { method: 'POST', headers: { authorization, ...headers }, body });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${service}: ${response.status} ${text}`);
  return text;
}
