/** The rights that an HTTP request to AWS needs, in IAM's terms: actions, resources, condition keys. */
import type { AwsRequest } from './policy.ts';

export type HttpRequest = {
  method: string;
  /** With its query. */
  path: string;
  headers: Record<string, string | string[] | undefined>;
  body: string;
};

/** Where the resources are, and the role of the launch template's instance profile. */
export type Account = { account: string; region: string; worker_role: string };

/** The tags of an instance. */
export type TagsOf = (instance_id: string) => Promise<Record<string, string>>;

/** Every right that the request needs. */
export async function rightsOf(http: HttpRequest, { account, tagsOf }: { account: Account; tagsOf: TagsOf }) {
  const [, service = ''] = /Credential=[^/]+\/\d+\/[^/]+\/([^/]+)\//.exec(String(http.headers.authorization)) ?? [];
  if (service === 's3') return [objectRight(http)];
  if (service === 'sqs') return [queueRight(http, account)];
  const operation = /\/operation\/(\w+)$/.exec(http.path)?.[1];
  if (operation) return [plain(service === 'monitoring' ? 'cloudwatch' : service, operation)];
  const params = new URLSearchParams(http.body);
  const action = params.get('Action') ?? '';
  if (action === 'RunInstances') return launchRights(params, account);
  if (service === 'ec2' && INSTANCES[action]) return instanceRights(action, params, { account, tagsOf });
  if (service === 'autoscaling' && !action.startsWith('Describe'))
    return [await groupRight(action, params, { account, tagsOf })];
  return [plain(service, action)];
}

const plain = (service: string, action: string): AwsRequest => ({
  action: `${service}:${action}`,
  resource: '*',
  context: {},
});

/** Addresses with the bucket in the path. */
function objectRight({ method, path, headers }: HttpRequest): AwsRequest {
  const url = new URL(path, 'http://localhost');
  const [, bucket = '', key = ''] = /^\/([^/]+)\/?(.*)$/s.exec(decodeURIComponent(url.pathname)) ?? [];
  const resource = `arn:aws:s3:::${bucket}${key === '' ? '' : `/${key}`}`;
  if (key === '') return bucketRight(method, url.searchParams, resource);
  const version = url.searchParams.has('versionId') ? 'Version' : '';
  const condition = headers['if-none-match'];
  const context: Record<string, string> = condition === undefined ? {} : { 's3:if-none-match': String(condition) };
  return { action: `s3:${OBJECT[method]}${version}`, resource, context };
}

const OBJECT: Record<string, string> = {
  GET: 'GetObject',
  HEAD: 'GetObject',
  PUT: 'PutObject',
  DELETE: 'DeleteObject',
};

function bucketRight(method: string, query: URLSearchParams, resource: string): AwsRequest {
  if (method !== 'GET') return { action: `s3:${method}Bucket`, resource, context: {} };
  const setting = Object.keys(BUCKET).find((name) => query.has(name));
  if (setting) return { action: `s3:${BUCKET[setting]}`, resource, context: {} };
  const prefix = query.get('prefix');
  return { action: 's3:ListBucket', resource, context: prefix === null ? {} : { 's3:prefix': prefix } };
}

const BUCKET: Record<string, string> = {
  lifecycle: 'GetLifecycleConfiguration',
  policy: 'GetBucketPolicy',
  versioning: 'GetBucketVersioning',
};

/** For a missing key S3 returns 404 to callers with the right to list it, and 403 to others. */
export function listRightOf({ resource }: AwsRequest): AwsRequest {
  const [, bucket = '', key = ''] = /^([^/]+)\/(.*)$/s.exec(resource) ?? [];
  return { action: 's3:ListBucket', resource: bucket, context: { 's3:prefix': key } };
}

function queueRight({ headers, body }: HttpRequest, { account, region }: Account): AwsRequest {
  const operation = String(headers['x-amz-target']).split('.').at(-1)!;
  const { QueueUrl, QueueName } = JSON.parse(body || '{}') as { QueueUrl?: string; QueueName?: string };
  const name = QueueName ?? QueueUrl?.split('/').at(-1) ?? '*';
  const resource = `arn:aws:sqs:${region}:${account}:${name}`;
  return { action: `sqs:${operation.replace(/Batch$/, '')}`, resource, context: {} };
}

const INSTANCES: Record<string, string> = {
  RebootInstances: 'InstanceId.1',
  TerminateInstances: 'InstanceId.1',
  CreateTags: 'ResourceId.1',
};

type Place = { account: Account; tagsOf: TagsOf };

async function instanceRights(action: string, params: URLSearchParams, place: Place): Promise<AwsRequest[]> {
  const id = params.get(INSTANCES[action]!) ?? '';
  const tags = await place.tagsOf(id);
  const context = Object.fromEntries(Object.entries(tags).map(([key, value]) => [`aws:ResourceTag/${key}`, value]));
  return [{ action: `ec2:${action}`, resource: arnOf(place.account, 'instance', id), context }];
}

const arnOf = ({ account, region }: Account, type: string, id: string): string =>
  `arn:aws:ec2:${region}:${type === 'image' ? '' : account}:${type}/${id}`;

/** The launch, its tags, and the role; from the template unless the request names something itself. */
function launchRights(params: URLSearchParams, account: Account): AwsRequest[] {
  const template = arnOf(account, 'launch-template', params.get('LaunchTemplate.LaunchTemplateId') ?? '');
  const named = (name: string) => ({ 'ec2:IsLaunchTemplateResource': String(!params.has(name)) });
  const shared = { 'ec2:LaunchTemplate': template };
  const tags = tagsIn(params);
  const types: [string, Record<string, string>][] = [
    ['instance', tags],
    ['network-interface', {}],
    ['volume', {}],
    ['image', named('ImageId')],
    ['subnet', named('SubnetId')],
    ['security-group', named('SecurityGroupId.1')],
  ];
  if (params.has('InstanceMarketOptions.MarketType')) types.push(['spot-instances-request', {}]);
  return [
    { action: 'ec2:RunInstances', resource: template, context: shared },
    ...types.map(([type, context]) => ({
      action: 'ec2:RunInstances',
      resource: arnOf(account, type, 'new'),
      context: { ...shared, ...context },
    })),
    { action: 'ec2:CreateTags', resource: arnOf(account, 'instance', 'new'), context: { ...tags, ...AT_LAUNCH } },
    { action: 'iam:PassRole', resource: account.worker_role, context: PASSED },
  ];
}

const AT_LAUNCH = { 'ec2:CreateAction': 'RunInstances' };
const PASSED = { 'iam:PassedToService': 'ec2.amazonaws.com' };

function tagsIn(params: URLSearchParams): Record<string, string> {
  const keys = [...params].filter(([name]) => /^TagSpecification\.\d+\.Tag\.\d+\.Key$/.test(name));
  return Object.fromEntries(
    keys.map(([name, key]) => [`aws:RequestTag/${key}`, params.get(name.replace(/Key$/, 'Value')) ?? '']),
  );
}

async function groupRight(action: string, params: URLSearchParams, { account, tagsOf }: Place): Promise<AwsRequest> {
  const named = params.get('AutoScalingGroupName');
  const group = named ?? (await tagsOf(params.get('InstanceId') ?? ''))['aws:autoscaling:groupName'] ?? '';
  const where = `${account.region}:${account.account}`;
  const resource = `arn:aws:autoscaling:${where}:autoScalingGroup:id:autoScalingGroupName/${group}`;
  return { action: `autoscaling:${action}`, resource, context: {} };
}
