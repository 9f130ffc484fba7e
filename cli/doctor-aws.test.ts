/** `tmon doctor --aws` as the roles of the template, before a proxy that enforces their policies; with each right and denial taken away. */
import assert from 'node:assert/strict';
import { after, beforeEach, test } from 'node:test';
import { ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { GetQueueAttributesCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { checkRightsAt, type RightFinding } from '../server/doctor.ts';
import { asPrincipal, deployFullSystem, enforcePolicies } from '../test/aws/full-system.ts';
import type { Statement } from '../test/aws/policy.ts';
import { runTmon, startTestMonitor } from '../test/processes/tmon.ts';

const system = await deployFullSystem({ after });
const { outputs, ids, client } = system;
const proxy = await enforcePolicies({ after }, system);
const { principals, resource_policies } = proxy;
const store = outputs.Store!;
const source = `sqs://${outputs.QueueName}`;
const [, fleet = ''] = /--fleet '([^']+)'/.exec(outputs.DoctorCommand!)!;
const s3 = new S3Client({ ...client, forcePathStyle: true });
const sqs = new SQSClient(client);
after(() => {
  s3.destroy();
  sqs.destroy();
});
await s3.send(new PutObjectCommand({ Bucket: ids.Bucket, Key: 'audio/a.mp3', Body: 'audio' }));
const audio = `s3://${ids.Bucket}/audio/a.mp3`;

// A store that is in use, with a worker's machine.
const settings = { store, fleet, snapshot_segments: 1 };
const monitor = await startTestMonitor({ after }, settings, asPrincipal(proxy, 'server'));
await monitor.api.workers.launch();
await monitor.stop();

Object.assign(process.env, asPrincipal(proxy, 'server'));
beforeEach(() => {
  proxy.principals = principals;
  proxy.resource_policies = resource_policies;
  Object.assign(process.env, asPrincipal(proxy, 'server'));
});

const keys = async () =>
  (await s3.send(new ListObjectsV2Command({ Bucket: ids.Bucket }))).Contents!.map(({ Key }) => Key).sort();
const wrong = (findings: readonly RightFinding[]) => findings.filter(({ verdict }) => verdict !== 'pass');
const names = (findings: readonly RightFinding[]) =>
  findings.map(({ check, on, verdict }) => `${verdict} ${check} ${on}`);
const inStore = (key: string) => `arn:aws:s3:::${ids.Bucket}/tmon/${key}`;

/** Takes an action away from the role of the server: everywhere, or on one resource. */
function without(action: string, resource?: string): void {
  const identity = proxy.principals.server!.identity.map((one): Statement => {
    const resources = [one.Resource].flat();
    if (resource === undefined) return { ...one, Action: [one.Action].flat().filter((each) => each !== action) };
    const takes = [one.Action].flat().includes(action) && resources.includes(resource);
    return takes ? { ...one, Resource: resources.filter((each) => each !== resource) } : one;
  });
  proxy.principals = { ...proxy.principals, server: { ...principals.server!, identity } };
}

test('[S34] with the role of the monitor every right is there and every denial holds; nothing is left behind', async (t) => {
  const before = await keys();
  const args = ['doctor', '--aws', '--store', store, '--source', source, '--fleet', fleet];
  const { code, stdout, stderr } = await runTmon(t, args, { environment: asPrincipal(proxy, 'server') });
  assert.equal(code, 0, stdout + stderr);
  const rows = stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.split('\t'));
  assert.ok(rows.length > 30);
  assert.deepEqual([...new Set(rows.map(([verdict]) => verdict))], ['pass']);
  for (const action of ['s3:PutObject', 'sqs:ReceiveMessage', 'ec2:RunInstances', 'ec2:TerminateInstances'])
    assert.ok(
      rows.some(([, , check]) => check === action),
      action,
    );
  assert.deepEqual(await keys(), before);
});

test('no message of the queue is received, and no instance is restarted or ended', async () => {
  await sqs.send(new SendMessageCommand({ QueueUrl: ids.Queue, MessageBody: 'waits' }));
  const rights = await checkRightsAt({ as: 'server', store, source, fleet });
  assert.deepEqual(names(wrong(rights)), []);
  assert.equal(rights.find(({ check }) => check === 'ec2:TerminateInstances')?.source, 'tried');
  const visible = 'ApproximateNumberOfMessages';
  const get = new GetQueueAttributesCommand({ QueueUrl: ids.Queue, AttributeNames: [visible] });
  assert.equal((await sqs.send(get)).Attributes?.[visible], '1');
  const again = await checkRightsAt({ as: 'server', fleet: `${fleet}&monitor=${store}` });
  assert.equal(again.find(({ check }) => check === 'ec2:TerminateInstances')?.source, 'tried', 'it still runs');
});

/** Of which none is needed to try another. */
const TAKEN: readonly [action: string, resource?: string][] = [
  ['s3:DeleteObject', inStore('journal/*')],
  ['s3:DeleteObject', inStore('snapshots/*')],
  ['s3:DeleteObject', inStore('uploads/*')],
  ['s3:DeleteObject', inStore('system/*')],
  ['sqs:GetQueueAttributes'],
  ['sqs:ReceiveMessage'],
  ['sqs:DeleteMessage'],
  ['sqs:ChangeMessageVisibility'],
  ['ec2:RunInstances'],
  ['ec2:RebootInstances'],
  ['ec2:TerminateInstances'],
];

const statementsIn = (findings: readonly RightFinding[]): Statement[] =>
  findings.flatMap(({ hint = '' }) => {
    const [, statement] = /^add to the role's policy: (.*)$/.exec(hint) ?? [];
    return statement === undefined ? [] : [JSON.parse(statement)];
  });

function grant(statements: readonly Statement[]): void {
  const server = proxy.principals.server!;
  proxy.principals = { ...principals, server: { ...server, identity: [...server.identity, ...statements] } };
}

test('exactly the rights that were taken away are missing, and the statements of the hints bring them back', async () => {
  for (const [action, resource] of TAKEN) without(action, resource);
  const missing = wrong(await checkRightsAt({ as: 'server', store, source, fleet }));
  const on = ({ check, on }: RightFinding) => (check === 's3:DeleteObject' ? `${check} ${on}` : check);
  assert.deepEqual(missing.map(on).sort(), TAKEN.map((taken) => taken.join(' ')).sort());
  assert.ok(missing.every(({ verdict }) => verdict === 'fail'));
  const statements = statementsIn(missing);
  assert.equal(statements.length, TAKEN.length);
  grant(statements);
  assert.deepEqual(names(wrong(await checkRightsAt({ as: 'server', store, source, fleet }))), []);
});

test('rights without which others cannot be tried are named as well, and nothing is called good that is not known', async () => {
  without('s3:ListBucket');
  without('sqs:GetQueueUrl');
  const missing = wrong(await checkRightsAt({ as: 'server', store, source }));
  const checks = missing.map(({ check }) => check);
  for (const check of ['s3:ListBucket', 's3:GetObject', 'sqs:GetQueueUrl', 'sqs:ReceiveMessage'])
    assert.ok(checks.includes(check), check);
  const needed = missing.filter(({ check }) => check === 's3:ListBucket' || check === 'sqs:GetQueueUrl');
  grant(statementsIn(needed));
  assert.deepEqual(names(wrong(await checkRightsAt({ as: 'server', store, source }))), []);
});

for (const action of ['ec2:CreateTags', 'iam:PassRole']) {
  test(`a launch that fails for want of ${action} names it, with the statement that grants it`, async () => {
    without(action);
    const [found, ...others] = wrong(await checkRightsAt({ as: 'server', fleet: `${fleet}&monitor=${store}` }));
    assert.deepEqual(names(others), []);
    assert.deepEqual([found?.check, found?.says], ['ec2:RunInstances', `denied for want of ${action}`]);
    assert.match(found?.hint ?? '', new RegExp(`"Action":"${action}"`));
  });
}

test('without the right to put, every put fails, the exit code is 1, and the statement is printed', async (t) => {
  without('s3:PutObject');
  const args = ['doctor', '--aws', '--store', store];
  const { code, stdout } = await runTmon(t, args, { environment: asPrincipal(proxy, 'server') });
  assert.equal(code, 1);
  assert.match(stdout, /^fail\tserver\ts3:PutObject\t\S+\/tmon\/journal\/\*\t/m);
  assert.match(stdout, /^hint: s3:PutObject: add to the role's policy: \{"Effect":"Allow","Action":"s3:PutObject"/m);
});

test('the right to read lifecycle rules is optional: a warning, and exit code 0', async (t) => {
  without('s3:GetLifecycleConfiguration');
  const args = ['doctor', '--aws', '--store', store, '--json'];
  const { code, stdout } = await runTmon(t, args, { environment: asPrincipal(proxy, 'server') });
  assert.equal(code, 0, stdout);
  const findings = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as RightFinding);
  assert.deepEqual(
    wrong(findings).map(({ check, verdict }) => [check, verdict]),
    [['s3:GetLifecycleConfiguration', 'warn']],
  );
});

for (const sid of ['SegmentsAreWrittenOnce', 'OldVersionsAreKept']) {
  test(`[S34] a bucket whose policy lacks ${sid} is reported, with the statement; nothing stays in the journal`, async () => {
    const before = await keys();
    proxy.resource_policies = resource_policies.filter(({ Sid }) => Sid !== sid);
    // An old version can only be deleted by who has that right, too.
    const server = principals.server!;
    const rights: Statement = { Effect: 'Allow', Action: 's3:DeleteObjectVersion', Resource: '*' };
    proxy.principals = { ...principals, server: { ...server, identity: [...server.identity, rights] } };
    const [found, ...others] = wrong(await checkRightsAt({ as: 'server', store }));
    assert.deepEqual(names(others), []);
    assert.equal(found?.verdict, 'fail');
    assert.match(found?.hint ?? '', /^add to the bucket's policy: \{"Effect":"Deny"/);
    assert.deepEqual(await keys(), before);
    const denial = JSON.parse(found!.hint!.slice("add to the bucket's policy: ".length)) as Statement;
    proxy.resource_policies = [...proxy.resource_policies, denial];
    assert.deepEqual(names(wrong(await checkRightsAt({ as: 'server', store }))), []);
  });
}

test('[S35] on the machine of a worker: recordings can be read, meta/ and the rest of the store cannot', async (t) => {
  const args = ['doctor', '--aws', '--as', 'worker', '--store', store, '--audio', audio];
  const run = await runTmon(t, args, { environment: asPrincipal(proxy, 'worker') });
  assert.equal(run.code, 0, run.stdout + run.stderr);
  assert.match(run.stdout, /^pass\tworker\ts3:GetObject\t\S+\/tmon\/meta\/format\.json\t.*\tdenied$/m);
  assert.match(run.stdout, /^pass\tworker\ts3:GetObject\t\S+\/audio\/a\.mp3\t.*\tallowed$/m);
  const broad: Statement = { Effect: 'Allow', Action: ['s3:GetObject', 's3:ListBucket'], Resource: '*' };
  proxy.principals = { ...principals, worker: { ...principals.worker!, identity: [broad] } };
  const wide = await runTmon(t, args, { environment: asPrincipal(proxy, 'worker') });
  assert.equal(wide.code, 1);
  assert.match(wide.stdout, /^fail\tworker\ts3:GetObject\t\S+\/tmon\/meta\/format\.json\t.*must be denied$/m);
});

const SIMULATES: Statement = { Effect: 'Allow', Action: 'iam:SimulatePrincipalPolicy', Resource: '*' };

test('[S35] where IAM simulates, it is asked about the workers’ role', async () => {
  const worker_role = outputs.WorkerRoleArn!;
  const ask = async () =>
    (await checkRightsAt({ as: 'server', store, worker_role, audio })).filter(({ of }) => of === 'worker');
  const refused = await ask();
  assert.deepEqual([...new Set(refused.map(({ verdict }) => verdict))], ['skip']);
  const server = principals.server!;
  proxy.principals = { ...principals, server: { ...server, identity: [...server.identity, SIMULATES] } };
  const told = await ask();
  assert.deepEqual(names(wrong(told)), []);
  assert.deepEqual([...new Set(told.map(({ source }) => source))], ['simulated']);
  const all: Statement = { Effect: 'Allow', Action: 's3:*', Resource: '*' };
  proxy.principals = { ...proxy.principals, worker: { ...principals.worker!, identity: [all] } };
  assert.ok(
    (await ask()).some(({ check, verdict, on }) => verdict === 'fail' && check === 's3:GetObject' && /meta/.test(on)),
  );
});

test('keys that AWS does not know are no missing right', async (t) => {
  const args = ['doctor', '--aws', '--store', store];
  const { code, stderr } = await runTmon(t, args, { environment: asPrincipal(proxy, 'nobody') });
  assert.equal(code, 5);
  assert.match(stderr, /AWS does not know the caller/);
});

test('what cannot be tried is bad usage', async (t) => {
  const environment = asPrincipal(proxy, 'server');
  assert.equal((await runTmon(t, ['doctor', '--aws'], { environment })).code, 2);
  assert.equal((await runTmon(t, ['doctor', '--aws', '--as', 'worker', '--source', source], { environment })).code, 2);
  const directory = await runTmon(t, ['doctor', '--aws', '--store', 'dir:./data'], { environment });
  assert.equal(directory.code, 2);
  assert.match(directory.stderr, /is not in a bucket/);
});
