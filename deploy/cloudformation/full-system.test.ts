/**
 * The template of the full system: linted, deployed on moto_server, and compared with docs/format.md and the monitor's
 * own checks.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import {
  GetBucketEncryptionCommand,
  type LifecycleRule,
  PutBucketLifecycleConfigurationCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { ensurePythonEnvironment } from '../../agent/python/environment.ts';
import { systemClock } from '../../server/clock.ts';
import { readSettings } from '../../server/config.ts';
import { parseEc2FleetUrl } from '../../server/fleets/aws-fleet-url.ts';
import { StoreRules } from '../../server/maintenance/store-rules.ts';
import { S3Store } from '../../server/objects/s3.ts';
import { ask, deployFullSystem, FULL_SYSTEM, lifecycleRules } from '../../test/aws/full-system.ts';
import { evaluate, type Statement } from '../../test/aws/policy.ts';
import type { Value } from '../../test/aws/template.ts';
import { runTmon } from '../../test/processes/tmon.ts';
import { cfnLintEnvironment } from '../../test/setup/cfn-lint.ts';

const QUEUE_AND_ALARMS = FULL_SYSTEM.replace('full-system', 'queue-and-alarms');
const FORMAT = readFileSync(new URL('../../docs/format.md', import.meta.url), 'utf8');
const EXPIRING = { AudioDays: '30', JobViewsLifecycleDays: '60' };

const system = await deployFullSystem({ after }, EXPIRING);
const { stack, outputs, ids, client, moto } = system;
const s3 = new S3Client({ ...client, forcePathStyle: true });
const sqs = new SQSClient(client);
after(() => {
  s3.destroy();
  sqs.destroy();
});
const bucketPolicy = stack.resources.BucketPolicy!.Properties.PolicyDocument.Statement as Statement[];
const inBucket = (key: string) => `arn:aws:s3:::${ids.Bucket}/${key}`;

test('[A1] cfn-lint reports nothing for either template, without ignoring rules', async () => {
  const { bin } = await ensurePythonEnvironment(cfnLintEnvironment);
  for (const file of [FULL_SYSTEM, QUEUE_AND_ALARMS]) {
    const { status, stdout, stderr } = spawnSync(`${bin}/cfn-lint`, ['-t', file], { encoding: 'utf8' });
    assert.equal(status, 0, stdout + stderr);
    assert.doesNotMatch(readFileSync(file, 'utf8'), /cfn-lint/);
  }
});

test('tmon aws template prints either template; the queue’s without an option', async (t) => {
  const print = async (...options: string[]) => (await runTmon(t, ['aws', 'template', ...options])).stdout;
  assert.equal(await print('--system', 'full'), readFileSync(FULL_SYSTEM, 'utf8'));
  assert.equal(await print('--system', 'queue'), readFileSync(QUEUE_AND_ALARMS, 'utf8'));
  assert.equal(await print(), readFileSync(QUEUE_AND_ALARMS, 'utf8'));
  assert.equal((await runTmon(t, ['aws', 'template', '--system', 'other'])).code, 2);
});

test('a template fits in the request that creates the stack', () => {
  for (const file of [FULL_SYSTEM, QUEUE_AND_ALARMS]) assert.ok(readFileSync(file).length <= 51_200, file);
});

test('[A1] the bucket is encrypted, versioned, private and owned by its account', async () => {
  const { ServerSideEncryptionConfiguration } = await s3.send(new GetBucketEncryptionCommand({ Bucket: ids.Bucket }));
  const [rule] = ServerSideEncryptionConfiguration!.Rules!;
  assert.equal(rule?.ApplyServerSideEncryptionByDefault?.SSEAlgorithm, 'AES256');
  const { Properties } = stack.resources.Bucket!;
  assert.equal(Properties.VersioningConfiguration.Status, 'Enabled');
  assert.equal(Properties.OwnershipControls.Rules[0].ObjectOwnership, 'BucketOwnerEnforced');
  assert.deepEqual(new Set(Object.values(Properties.PublicAccessBlockConfiguration)), new Set([true]));
});

/** The table of docs/format.md lists what may be deleted at any time; everything else must be kept. */
function foldersOf(): { kept: string[]; made_again: string[] } {
  const rows = [...FORMAT.matchAll(/^\| (`[a-z]+\/`|views) \|[^|]*\|[^|]*\| ([^|]+) \|$/gm)];
  const views = /Under ((?:`[a-z]+\/`(?:, | and )?)+) a rebuild deletes/.exec(FORMAT)![1]!;
  const names = (text: string) => [...text.matchAll(/`([a-z]+\/)`/g)].map(([, name]) => name!);
  const kept: string[] = [];
  const made_again: string[] = [];
  for (const [, name = '', may] of rows) {
    const folders = name === 'views' ? names(views) : names(name);
    (may!.startsWith('at any time') ? made_again : kept).push(...folders);
  }
  return { kept, made_again };
}

const overlap = (one: string, other: string) => one.startsWith(other) || other.startsWith(one);

test('[A109] no lifecycle rule removes an object that must be kept according to docs/format.md', () => {
  const { kept, made_again } = foldersOf();
  assert.deepEqual(kept, [
    'meta/',
    'journal/',
    'snapshots/',
    'archive/',
    'analytics/',
    'audit/',
    'transcripts/',
    'uploads/',
  ]);
  assert.deepEqual(made_again, ['jobs/', 'workers/', 'queues/', 'alerts/', 'system/', 'metrics/']);
  const removing = lifecycleRules(stack).filter(({ Expiration }) => Expiration?.Days || Expiration?.Date);
  assert.equal(removing.length, 5);
  for (const { ID, Filter } of removing) {
    for (const folder of kept) assert.ok(!overlap(Filter!.Prefix!, `tmon/${folder}`), `${ID} removes ${folder}`);
    const [, inStore] = /^tmon\/(.*)$/.exec(Filter!.Prefix!) ?? [];
    if (inStore === undefined || inStore === 'doctor/') continue;
    assert.ok(
      made_again.some((folder) => inStore.startsWith(folder)),
      String(ID),
    );
  }
  assert.ok(!lifecycleRules(stack).some((rule) => 'Transitions' in rule));
});

test('[A109] old versions of replaced and deleted objects expire, and incomplete uploads too', () => {
  const { kept, made_again } = foldersOf();
  const bounded = lifecycleRules(stack).filter(({ NoncurrentVersionExpiration }) => NoncurrentVersionExpiration);
  for (const folder of [...kept, ...made_again, 'doctor/']) {
    assert.ok(
      bounded.some(({ Filter }) => Filter?.Prefix === `tmon/${folder}`),
      folder,
    );
  }
  const [all] = lifecycleRules(stack).filter(({ Filter }) => Filter?.Prefix === '');
  assert.deepEqual(all?.AbortIncompleteMultipartUpload, { DaysAfterInitiation: 1 });
});

test('[A109] the monitor finds the rules harmless, and a rule on the journal harmful', async (t) => {
  const store = await S3Store.open({ bucket: ids.Bucket!, prefix: 'tmon', client });
  t.after(() => store.close());
  const rules = new StoreRules({ inspect: () => store.inspect(), clock: systemClock, log: () => {} });
  await rules.check();
  assert.equal(rules.harm, null);
  const harmful: LifecycleRule = {
    ID: 'all',
    Status: 'Enabled',
    Filter: { Prefix: 'tmon/' },
    Expiration: { Days: 90 },
  };
  const put = (Rules: LifecycleRule[]) =>
    s3.send(new PutBucketLifecycleConfigurationCommand({ Bucket: ids.Bucket, LifecycleConfiguration: { Rules } }));
  await put([...lifecycleRules(stack), harmful]);
  await rules.check();
  assert.match(rules.harm!, /all \(journal\/, snapshots\/, archive\/, meta\/, audit\/\)/);
  await put(lifecycleRules(stack));
});

const EVERYTHING: Statement = { Effect: 'Allow', Action: '*', Resource: '*' };
/** As an administrator of the account, or as the role of the monitor. */
const may = (
  action: string,
  key: string,
  context: Record<string, string> = {},
  arn = 'arn:aws:iam::123456789012:role/admin',
) =>
  evaluate(
    {
      action,
      resource: inBucket(key),
      context: { 'aws:SecureTransport': 'true', 'aws:PrincipalArn': arn, ...context },
    },
    { identity: [EVERYTHING], resource: bucketPolicy },
  ).allowed;

test('[S34] no principal can put a segment without If-None-Match, not even an administrator', () => {
  const segment = 'tmon/journal/00000000000000000001.ndjson';
  assert.equal(may('s3:PutObject', segment), false);
  assert.equal(may('s3:PutObject', segment, { 's3:if-none-match': '*' }), true);
  assert.equal(may('s3:PutObject', 'tmon/jobs/active/job-1/state.json'), true);
});

test('[S34] only the monitor can delete from the journal, snapshots, archive, audit and meta/, and no principal can delete an old version', () => {
  const monitor = outputs.ServerRoleArn!;
  for (const folder of ['journal', 'snapshots', 'archive', 'meta', 'audit']) {
    const key = `tmon/${folder}/object`;
    assert.equal(may('s3:DeleteObject', key), false, folder);
    assert.equal(may('s3:DeleteObject', key, {}, monitor), true, folder);
    assert.equal(may('s3:DeleteObjectVersion', key, {}, monitor), false, folder);
  }
  assert.equal(may('s3:DeleteObject', 'tmon/transcripts/job-1.json'), true);
});

test('[S34] nothing is read or written without TLS', () => {
  for (const action of ['s3:GetObject', 's3:PutObject'])
    assert.equal(may(action, 'audio/a.mp3', { 'aws:SecureTransport': 'false' }), false);
});

test('the queue moves unprocessable messages to the dead letters, and accepts only events of this account’s buckets', async () => {
  const get = new GetQueueAttributesCommand({ QueueUrl: ids.Queue, AttributeNames: ['RedrivePolicy'] });
  const { deadLetterTargetArn, maxReceiveCount } = JSON.parse((await sqs.send(get)).Attributes!.RedrivePolicy!);
  assert.equal(deadLetterTargetArn.split(':').at(-1), outputs.DeadLetterQueueName);
  assert.equal(Number(maxReceiveCount), 20);
  const [tls, events] = stack.resources.QueuePolicy!.Properties.PolicyDocument.Statement;
  assert.equal(tls.Effect, 'Deny');
  assert.deepEqual(events.Principal, { Service: 's3.amazonaws.com' });
  assert.equal(events.Condition.StringEquals['aws:SourceAccount'], '123456789012');
});

test('[S34] the deployed roles have the template’s policies and no others', async () => {
  // moto keeps a role's own policies as Python writes them.
  const decode = (xml: string) =>
    JSON.parse(decodeURIComponent(/<(?:PolicyD|D)ocument>([^<]+)/.exec(xml)![1]!).replaceAll("'", '"'));
  for (const [role, policy] of [
    ['ServerRole', 'store'],
    ['WorkerRole', 'work'],
  ] as const) {
    const about = `RoleName=${ids[role]}&Version=2010-05-08`;
    const inline = await ask(moto, 'iam', { body: `Action=ListRolePolicies&${about}` });
    assert.deepEqual(members(inline, 'member'), [policy]);
    const got = await ask(moto, 'iam', { body: `Action=GetRolePolicy&PolicyName=${policy}&${about}` });
    assert.deepEqual(decode(got), stack.resources[role]!.Properties.Policies[0].PolicyDocument);
    const attached = members(await ask(moto, 'iam', { body: `Action=ListAttachedRolePolicies&${about}` }), 'PolicyArn');
    const expected = Object.entries(stack.resources)
      .filter(([, { Type, Properties }]) => Type === 'AWS::IAM::ManagedPolicy' && Properties.Roles[0] === ids[role])
      .map(([id]) => ids[id]!);
    assert.deepEqual(attached.sort(), expected.sort());
    for (const arn of attached) {
      const body = `Action=GetPolicyVersion&VersionId=v1&PolicyArn=${encodeURIComponent(arn)}&Version=2010-05-08`;
      const [id] = Object.entries(ids).find(([, physical]) => physical === arn)!;
      assert.deepEqual(decode(await ask(moto, 'iam', { body })), stack.resources[id]!.Properties.PolicyDocument);
    }
  }
});

const members = (xml: string, name: string): string[] =>
  [...xml.matchAll(new RegExp(`<${name}>([^<]+)</${name}>`, 'g'))].map(([, value]) => value!);

test('[S34] no statement allows every action, and only actions without resources are allowed on all of them', () => {
  const documents = Object.values(stack.resources).flatMap(({ Type, Properties }) => {
    if (Type === 'AWS::IAM::Role') return Properties.Policies.map((policy: Value) => policy.PolicyDocument);
    return Type === 'AWS::IAM::ManagedPolicy' ? [Properties.PolicyDocument] : [];
  });
  const statements = documents.flatMap(({ Statement }) => Statement) as Statement[];
  assert.ok(statements.length > 10);
  for (const { Action, Resource } of statements) {
    for (const action of [Action].flat()) {
      assert.match(action, /^[a-z0-9]+:[A-Z][A-Za-z]+$/);
      if (Resource === '*') assert.match(action, /^(ec2|autoscaling):Describe/);
    }
  }
});

test('the monitor accepts the command of the outputs', () => {
  const [, store, fleet, origin, source] =
    /^tmon serve --store (\S+) --fleet '(\S+)' --allowed-origins (\S+) --source (\S+)$/.exec(outputs.ServeCommand!)!;
  assert.equal(outputs.ServeCommand, stack.outputs.ServeCommand);
  const settings = readSettings({ store, fleet, allowed_origins: origin, source }, {});
  assert.equal(settings.store, `s3://${ids.Bucket}/tmon`);
  const url = parseEc2FleetUrl(fleet!, store!);
  assert.deepEqual([url.name, url.spot, url.max], [ids.WorkerTemplate, true, 10]);
  // The policy names the tag that this monitor sets.
  const launch = stack.resources.Ec2FleetPolicy!.Properties.PolicyDocument.Statement[0];
  assert.equal(launch.Condition.StringEquals['aws:RequestTag/tmon:monitor'], url.monitor);
});
