/** The template of the fleet on SQS and CloudWatch: linted, deployed on moto_server, and shown by `tmon aws status`. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  CloudFormationClient,
  CreateStackCommand,
  DescribeStackResourcesCommand,
  DescribeStacksCommand,
} from '@aws-sdk/client-cloudformation';
import {
  CloudWatchClient,
  DescribeAlarmsCommand,
  PutMetricAlarmCommand,
  type PutMetricAlarmCommandInput,
  PutMetricDataCommand,
  SetAlarmStateCommand,
} from '@aws-sdk/client-cloudwatch';
import { GetQueueAttributesCommand, GetQueueUrlCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { ensurePythonEnvironment } from '../../agent/python/environment.ts';
import { runTmon } from '../../test/processes/tmon.ts';
import { motoCredentials, motoEnvironment, motoSettings, startMoto } from '../../test/servers/moto.ts';

const FILE = fileURLToPath(new URL('queue-and-alarms.yaml', import.meta.url));
const text = readFileSync(FILE, 'utf8');

const moto = await startMoto();
after(() => moto.stop());
const environment = motoSettings(moto.endpoint);
const client = { endpoint: moto.endpoint, region: 'us-east-1', credentials: motoCredentials };
const cloudFormation = new CloudFormationClient(client);
const cloudWatch = new CloudWatchClient(client);
const sqs = new SQSClient(client);
after(() => {
  for (const one of [cloudFormation, cloudWatch, sqs]) one.destroy();
});

/** What the template's owner already has: an image, a network. Requested by hand, to avoid two more clients. */
async function ask(service: string, headers: Record<string, string>, body: string): Promise<string> {
  const authorization = `AWS4-HMAC-SHA256 Credential=test/20250101/us-east-1/${service}/aws4_request, SignedHeaders=host, Signature=0`;
  const response = await fetch(moto.endpoint, { method: 'POST', headers: { authorization, ...headers }, body });
  assert.equal(response.status, 200);
  return response.text();
}
const IMAGE = '/images/worker';
await ask(
  'ssm',
  { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'AmazonSSM.PutParameter' },
  JSON.stringify({ Name: IMAGE, Value: 'ami-12345678', Type: 'String', DataType: 'aws:ec2:image' }),
);
const network = await ask(
  'ec2',
  { 'content-type': 'application/x-www-form-urlencoded' },
  'Action=DescribeSubnets&Version=2016-11-15',
);
const subnets = [...network.matchAll(/<subnetId>([^<]+)</g)].map(([, id]) => id);

const STACK = 'transcription';
await cloudFormation.send(
  new CreateStackCommand({
    StackName: STACK,
    // moto reads the image's default before the parameter, and knows no images but Amazon Linux.
    TemplateBody: text.replace(/\/aws\/service\/deeplearning\/\S+/, IMAGE),
    Capabilities: ['CAPABILITY_IAM'],
    Parameters: Object.entries({
      AlertEmail: 'me@example.com',
      OldestMessageMinutes: '30',
      Subnets: subnets.slice(0, 2).join(','),
      SecurityGroups: 'sg-1',
      WorkerCommand: 'exec worker',
    }).map(([ParameterKey, ParameterValue]) => ({ ParameterKey, ParameterValue })),
  }),
);
const { Stacks = [] } = await cloudFormation.send(new DescribeStacksCommand({ StackName: STACK }));
const outputs = Object.fromEntries(
  (Stacks[0]?.Outputs ?? []).map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue]),
) as Record<string, string>;
const { StackResources = [] } = await cloudFormation.send(new DescribeStackResourcesCommand({ StackName: STACK }));

const idsOf = (type: string): string[] =>
  StackResources.filter(({ ResourceType }) => ResourceType === type).map(({ LogicalResourceId }) => LogicalResourceId!);

type Properties = Record<string, unknown>;
type Resource = { Type: string; Properties: Properties; Condition?: string };

/** The template as CloudFormation reads it, its short tags written out. */
const { bin } = await ensurePythonEnvironment(motoEnvironment);
const decoded = spawnSync(
  `${bin}/python`,
  ['-c', 'import cfnlint.decode, json, sys; print(json.dumps(cfnlint.decode.decode(sys.argv[1])[0]))', FILE],
  { encoding: 'utf8' },
);
const resources = (JSON.parse(decoded.stdout) as { Resources: Record<string, Resource> }).Resources;

/** The value of a reference in this stack. */
const KNOWN: Record<string, unknown> = {
  OldestMessageMinutes: 30,
  DeadLettersMax: 0,
  FailuresMax: 5,
  BacklogPerWorker: 10,
  AlertTopic: outputs.AlertTopicArn,
  'JobQueue.QueueName': outputs.QueueName,
  'DeadLetterQueue.QueueName': outputs.DeadLetterQueueName,
  WorkerLogs: outputs.LogGroup,
  Workers: 'workers',
  'AWS::StackName': STACK,
  'AWS::Region': 'us-east-1',
};

function resolved(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(resolved);
  if (typeof value !== 'object' || value === null) return value;
  const [[key, argument] = ['', null], ...more] = Object.entries(value);
  if (more.length === 0 && key === 'Ref') return KNOWN[argument as string];
  if (more.length === 0 && key === 'Fn::GetAtt') return KNOWN[(argument as string[]).join('.')];
  if (more.length === 0 && key === 'Fn::Sub')
    return (argument as string).replace(/\$\{([^}]+)\}/g, (_, name) => String(KNOWN[name] ?? name));
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, resolved(one)]));
}

const ofType = (type: string) => Object.entries(resources).filter(([, resource]) => resource.Type === type);
const propertiesOf = (id: string) => resolved(resources[id]!.Properties) as Properties;

// moto's CloudFormation ignores alarms; its CloudWatch accepts them, with the template's own properties.
for (const [id] of ofType('AWS::CloudWatch::Alarm')) {
  const alarm = { AlarmName: id, ...propertiesOf(id) } as PutMetricAlarmCommandInput;
  await cloudWatch.send(new PutMetricAlarmCommand({ ...alarm, Threshold: Number(alarm.Threshold) }));
}

const alarm = async (AlarmName: string) => {
  const { MetricAlarms = [] } = await cloudWatch.send(new DescribeAlarmsCommand({ AlarmNames: [AlarmName] }));
  return MetricAlarms[0];
};

test('cfn-lint reports nothing', () => {
  const { status, stdout, stderr } = spawnSync(`${bin}/cfn-lint`, ['-t', FILE], { encoding: 'utf8' });
  assert.equal(status, 0, stdout + stderr);
});

test('[B112] the path is complete: queue, metrics, alarms, SNS and its subscription', async () => {
  assert.equal(Stacks[0]?.StackStatus, 'CREATE_COMPLETE');
  assert.deepEqual(idsOf('AWS::SQS::Queue').sort(), ['DeadLetterQueue', 'JobQueue']);
  assert.deepEqual(idsOf('AWS::SNS::Topic'), ['AlertTopic']);
  assert.deepEqual(propertiesOf('AlertSubscription').TopicArn, outputs.AlertTopicArn);
  assert.equal(resources.AlertSubscription?.Condition, 'HasEmail');
  const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: outputs.QueueName }));
  const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['RedrivePolicy'] }));
  const { deadLetterTargetArn, maxReceiveCount } = JSON.parse(Attributes!.RedrivePolicy!);
  assert.equal(deadLetterTargetArn.split(':').at(-1), outputs.DeadLetterQueueName);
  assert.equal(Number(maxReceiveCount), 3);
});

test('[B114] [B115] a dashboard shows waiting and running jobs, their age and the rate', () => {
  assert.deepEqual(idsOf('AWS::CloudWatch::Dashboard'), ['Dashboard']);
  const { widgets } = JSON.parse(propertiesOf('Dashboard').DashboardBody as string) as {
    widgets: { type: string; properties: { metrics?: unknown[][]; alarms?: string[] } }[];
  };
  const metrics = widgets.flatMap(({ properties }) => properties.metrics ?? []).map((metric) => metric[1]);
  for (const metric of [
    'ApproximateNumberOfMessagesVisible',
    'ApproximateNumberOfMessagesNotVisible',
    'ApproximateAgeOfOldestMessage',
    'NumberOfMessagesDeleted',
  ])
    assert.ok(metrics.includes(metric), metric);
  assert.equal(widgets.find(({ type }) => type === 'alarm')?.properties.alarms?.length, 3);
});

test('[B116] a message older than 30 minutes notifies the topic, and so does a dead letter', async () => {
  const oldest = await alarm('OldestMessageAlarm');
  assert.equal(oldest?.Threshold, 30);
  assert.equal(oldest?.ComparisonOperator, 'GreaterThanThreshold');
  assert.deepEqual(oldest?.AlarmActions, [outputs.AlertTopicArn]);
  const metric = oldest?.Metrics?.find(({ MetricStat }) => MetricStat !== undefined)?.MetricStat?.Metric;
  assert.equal(metric?.MetricName, 'ApproximateAgeOfOldestMessage');
  assert.deepEqual(metric?.Dimensions, [{ Name: 'QueueName', Value: outputs.QueueName }]);
  assert.equal(oldest?.Metrics?.find(({ Id }) => Id === 'minutes')?.Expression, 'seconds / 60');
  const dead = await alarm('DeadLettersAlarm');
  assert.equal(dead?.MetricName, 'ApproximateNumberOfMessagesVisible');
  assert.deepEqual(dead?.Dimensions, [{ Name: 'QueueName', Value: outputs.DeadLetterQueueName }]);
  assert.deepEqual(dead?.AlarmActions, [outputs.AlertTopicArn]);
});

test('[B117] machines come and go by the backlog per machine, spot or not', () => {
  assert.deepEqual(idsOf('AWS::AutoScaling::AutoScalingGroup'), ['Workers']);
  assert.deepEqual(idsOf('AWS::EC2::LaunchTemplate'), ['WorkerTemplate']);
  const policy = propertiesOf('BacklogPolicy');
  assert.equal(policy.AutoScalingGroupName, 'workers');
  const tracking = policy.TargetTrackingConfiguration as {
    TargetValue: number;
    CustomizedMetricSpecification: { Metrics: { Id: string; Expression?: string; ReturnData: boolean }[] };
  };
  assert.equal(tracking.TargetValue, 10);
  const [returned, ...others] = tracking.CustomizedMetricSpecification.Metrics.filter(({ ReturnData }) => ReturnData);
  assert.equal(returned?.Expression, 'IF(workers > 0, waiting / workers, waiting * 1000)');
  assert.equal(others.length, 0);
});

test('roles name their actions and resources', () => {
  assert.deepEqual(idsOf('AWS::IAM::Role'), ['WorkerRole']);
  assert.deepEqual(idsOf('AWS::IAM::ManagedPolicy'), ['WatcherPolicy']);
  type Statement = { Effect: string; Action: string | string[]; Resource: unknown };
  const documents = [
    ...(resources.WorkerRole!.Properties.Policies as { PolicyDocument: { Statement: Statement[] } }[]),
    resources.WatcherPolicy!.Properties as { PolicyDocument: { Statement: Statement[] } },
  ];
  const allowed = documents.flatMap(({ PolicyDocument }) => PolicyDocument.Statement);
  assert.ok(allowed.length > 5);
  for (const { Action, Resource } of allowed) {
    const actions = [Action].flat();
    for (const action of actions) assert.match(action, /^[a-z0-9]+:[A-Z][A-Za-z]+$/);
    // These actions do not support resources.
    if (Resource === '*')
      assert.ok(
        actions.every((one) => /^cloudwatch:|^logs:GetQueryResults$/.test(one)),
        actions.join(),
      );
  }
});

test('tmon aws status shows the queue, its alarms and the last hour; 1 while an alarm is raised', async (t) => {
  const well = await runTmon(t, ['aws', 'status', '--stack', STACK], { environment });
  assert.deepEqual([well.code, well.stderr], [0, '']);
  const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: outputs.QueueName }));
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: '{}' }));
  const Dimensions = [{ Name: 'QueueName', Value: outputs.QueueName }];
  const Timestamp = new Date(Date.now() - 120_000);
  await cloudWatch.send(
    new PutMetricDataCommand({
      Namespace: 'AWS/SQS',
      MetricData: [
        { MetricName: 'NumberOfMessagesDeleted', Dimensions, Value: 7, Timestamp },
        { MetricName: 'ApproximateAgeOfOldestMessage', Dimensions, Value: 1900, Timestamp },
      ],
    }),
  );
  const raised = await alarm('OldestMessageAlarm');
  const state = { AlarmName: raised!.AlarmName, StateValue: 'ALARM' as const, StateReason: 'older than 30 minutes' };
  await cloudWatch.send(new SetAlarmStateCommand(state));
  const wrong = await runTmon(t, ['aws', 'status', '--queue', outputs.QueueName!, '--json'], { environment });
  assert.equal(wrong.code, 1, wrong.stderr);
  const status = JSON.parse(wrong.stdout);
  assert.equal(status.queue.waiting, 1);
  assert.equal(status.queue.age_oldest_message, 1900);
  assert.equal(status.last_hour.done, 7);
  assert.equal(status.dead_letter_queue.name, outputs.DeadLetterQueueName);
  assert.deepEqual(
    status.alarms.map(({ name, state }: { name: string; state: string }) => [name, state === 'ALARM']),
    [
      ['OldestMessageAlarm', true],
      ['DeadLettersAlarm', false],
    ],
  );
});

test('a missing queue is named in the error, with a hint', async (t) => {
  const stack = await runTmon(t, ['aws', 'status', '--stack', 'none'], { environment });
  assert.equal(stack.code, 4);
  assert.match(stack.stderr, /stack none does not exist\nhint: /);
  const queue = await runTmon(t, ['aws', 'status', '--queue', 'none'], { environment });
  assert.equal(queue.code, 4);
  assert.match(queue.stderr, /queue none does not exist\nhint: /);
  const neither = await runTmon(t, ['aws', 'status'], { environment });
  assert.equal(neither.code, 2);
});
