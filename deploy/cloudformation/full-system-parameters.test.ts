/** The effects of the parameters of the full system's template. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FULL_SYSTEM, lifecycleRules } from '../../test/aws/full-system.ts';
import { readTemplate, resolveTemplate } from '../../test/aws/template.ts';

const template = await readTemplate(FULL_SYSTEM);

const REFERENCES = {
  'AWS::AccountId': '123456789012',
  'AWS::Region': 'us-east-1',
  'AWS::Partition': 'aws',
  'AWS::URLSuffix': 'amazonaws.com',
  'AWS::StackName': 'monitor',
  MonitorUrl: 'https://monitor.example.com',
  Subnets: ['subnet-1'],
  SecurityGroups: ['sg-1'],
  Bucket: 'bucket',
  'Bucket.Arn': 'arn:aws:s3:::bucket',
  Queue: 'https://sqs/queue',
  'Queue.Arn': 'arn:aws:sqs:us-east-1:123456789012:queue',
  'Queue.QueueName': 'queue',
  'DeadLetterQueue.Arn': 'arn:aws:sqs:us-east-1:123456789012:dead',
  'DeadLetterQueue.QueueName': 'dead',
  ServerRole: 'server',
  'ServerRole.Arn': 'arn:aws:iam::123456789012:role/server',
  ServerProfile: 'server',
  WorkerRole: 'worker',
  'WorkerRole.Arn': 'arn:aws:iam::123456789012:role/worker',
  'WorkerProfile.Arn': 'arn:aws:iam::123456789012:instance-profile/worker',
  WorkerLogs: 'logs',
  'WorkerLogs.Arn': 'arn:aws:logs:us-east-1:123456789012:log-group:logs:*',
  WorkerTemplate: 'lt-1',
  'WorkerTemplate.LatestVersionNumber': '1',
  Workers: 'workers',
};

test('with a KMS key the bucket uses it, and the roles have only the permissions on it that they need', () => {
  const key = 'arn:aws:kms:us-east-1:123456789012:key/1';
  const references = { ...REFERENCES, KmsKeyArn: key };
  const { resources } = resolveTemplate(template, references);
  const [rule] = resources.Bucket!.Properties.BucketEncryption.ServerSideEncryptionConfiguration;
  assert.deepEqual(rule.ServerSideEncryptionByDefault, { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: key });
  assert.equal(rule.BucketKeyEnabled, true);
  const statement = (id: string) => resources[id]!.Properties.PolicyDocument.Statement[0];
  assert.deepEqual(statement('ServerKeyPolicy').Action, ['kms:Decrypt', 'kms:GenerateDataKey']);
  assert.deepEqual(statement('WorkerKeyPolicy').Action, 'kms:Decrypt');
  for (const id of ['ServerKeyPolicy', 'WorkerKeyPolicy']) assert.equal(statement(id).Resource, key);
});

test('by default S3 removes neither recordings nor views', () => {
  const plain = resolveTemplate(template, REFERENCES);
  const removing = lifecycleRules(plain).filter(({ Status, Expiration }) => Status === 'Enabled' && Expiration?.Days);
  assert.deepEqual(
    removing.map(({ ID }) => ID),
    ['store-checks'],
  );
});

test('with AudioEvents S3 sends messages of recordings to the queue, which carries the jobs and is not a source of reports', () => {
  const references = { ...REFERENCES, AudioEvents: 'true' };
  const { resources, outputs } = resolveTemplate(template, references);
  const [event] = resources.Bucket!.Properties.NotificationConfiguration.QueueConfigurations;
  assert.equal(event.Filter.S3Key.Rules[0].Value, 'audio/');
  assert.equal(resources.ReportsPolicy, undefined);
  for (const command of [outputs.ServeCommand, outputs.DoctorCommand]) {
    assert.match(command, / --queue sqs:\/\/queue$/);
    assert.doesNotMatch(command, /--source/);
  }
  assert.ok(resources.JobQueuePolicy!.Properties.PolicyDocument.Statement[0].Action.includes('sqs:SendMessage'));
  const { Bucket, JobQueuePolicy } = resolveTemplate(template, REFERENCES).resources;
  assert.equal(JobQueuePolicy, undefined);
  assert.equal(Bucket!.Properties.NotificationConfiguration, undefined);
});

test('with an Auto Scaling group, or without a fleet, there are no resources of the other kinds', () => {
  const group = resolveTemplate(template, { ...REFERENCES, Fleet: 'asg' });
  assert.ok(group.resources.Workers && group.resources.AsgFleetPolicy);
  assert.equal(group.resources.Ec2FleetPolicy, undefined);
  assert.match(group.outputs.ServeCommand, /--fleet 'asg:workers\?server=https:/);
  assert.equal(group.resources.WorkerTemplate!.Properties.LaunchTemplateData.NetworkInterfaces, undefined);
  const none = resolveTemplate(template, { ...REFERENCES, Fleet: 'none' });
  for (const id of ['Workers', 'WorkerTemplate', 'InstancesPolicy', 'AsgFleetPolicy', 'Ec2FleetPolicy'])
    assert.equal(none.resources[id], undefined, id);
  assert.match(none.outputs.ServeCommand, /--fleet none:/);
});
