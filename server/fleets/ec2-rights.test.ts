/**
 * Missing permissions, as moto's IAM enforces them: reported at the start, and in the error of the request that needs
 * them.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { systemClock } from '../clock.ts';
import { openFleet } from './open-fleet.ts';
import { createTemplate, openAws } from './testing-aws.ts';

const { ec2, moto } = await openAws({ after });
await createTemplate(ec2, 'whisper');

/** A request to IAM, to avoid one more client. */
async function iam(parameters: Record<string, string>): Promise<string> {
  const authorization =
    'AWS4-HMAC-SHA256 Credential=test/20250101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=0';
  const body = new URLSearchParams({ Version: '2010-05-08', ...parameters });
  const response = await fetch(moto, { method: 'POST', headers: { authorization }, body });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return text;
}

/** A user with these permissions, whose keys this process uses from now on. */
async function become(UserName: string, actions: string[]): Promise<void> {
  await fetch(`${moto}/moto-api/reset-auth`, { method: 'POST', body: 'Infinity' });
  await iam({ Action: 'CreateUser', UserName });
  const statement = { Effect: 'Allow', Action: actions, Resource: '*' };
  const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
  await iam({ Action: 'PutUserPolicy', UserName, PolicyName: 'some', PolicyDocument });
  const keys = await iam({ Action: 'CreateAccessKey', UserName });
  process.env.AWS_ACCESS_KEY_ID = /<AccessKeyId>([^<]+)/.exec(keys)![1];
  process.env.AWS_SECRET_ACCESS_KEY = /<SecretAccessKey>([^<]+)/.exec(keys)![1]!.replaceAll('&amp;', '&');
  await fetch(`${moto}/moto-api/reset-auth`, { method: 'POST', body: '0' });
}

/** Opens a fleet and closes it, which waits for the check of its rights. */
async function linesAtStart(): Promise<string[]> {
  const lines: string[] = [];
  const log = (_: string, message: string) => void lines.push(message);
  const fleet = await openFleet('ec2:whisper?spot=true', {
    clock: systemClock,
    serverUrl: () => '',
    monitor: 'm',
    log,
  });
  await fleet.close();
  return lines;
}

test('a start logs one line for each missing permission, with the command that grants it', async () => {
  await become('reader', ['ec2:DescribeInstances', 'ec2:RebootInstances']);
  const lines = await linesAtStart();
  const missing = lines.map((line) => /lacks the permission (\S+);/.exec(line)?.[1]).sort();
  assert.deepEqual(missing, ['ec2:DescribeSpotPriceHistory', 'ec2:RunInstances']);
  for (const line of lines) assert.match(line, /aws iam put-role-policy .*"Action":"ec2:/);
});

test('the permissions to restart and terminate are checked with the first instance, once, since a policy may be limited to its tags', async () => {
  await become('launcher', ['ec2:DescribeInstances', 'ec2:RunInstances', 'ec2:CreateTags']);
  const lines: string[] = [];
  const log = (level: string, message: string) => void (level === 'warn' && lines.push(message));
  const options = { clock: systemClock, serverUrl: () => '', monitor: 'first', log };
  const fleet = await openFleet('ec2:whisper', options);
  await fleet.launch('worker-1', {});
  await fleet.launch('worker-2', {});
  await fleet.close();
  const missing = () => lines.splice(0).map((line) => /lacks the permission (\S+);/.exec(line)?.[1]);
  assert.deepEqual(missing(), ['ec2:RebootInstances', 'ec2:TerminateInstances']);
  const later = await openFleet('ec2:whisper', options);
  await later.close();
  assert.deepEqual(missing(), ['ec2:RebootInstances', 'ec2:TerminateInstances']);
});

test('with every permission a start logs nothing', async () => {
  await become('owner', [
    'ec2:DescribeInstances',
    'ec2:RunInstances',
    'ec2:CreateTags',
    'ec2:RebootInstances',
    'ec2:TerminateInstances',
    'ec2:DescribeSpotPriceHistory',
  ]);
  assert.deepEqual(await linesAtStart(), []);
});

test('a launch without the permission is refused with the permission’s name; the fleet continues', async () => {
  await become('watcher', ['ec2:DescribeInstances']);
  const options = { clock: systemClock, serverUrl: () => '', monitor: 'm', log: () => {} };
  const fleet = await openFleet('ec2:whisper', options);
  await assert.rejects(fleet.launch('worker-1', {}), (error: Error & { code: string; kind: string; hint: string }) => {
    assert.deepEqual([error.kind, error.code], ['forbidden', 'aws_denied']);
    assert.match(error.message, /lacks the permission ec2:RunInstances/);
    assert.match(error.hint, /put-role-policy/);
    return true;
  });
  assert.equal(await fleet.terminate({ worker_id: 'worker-1', instance_id: null }), false);
  await fleet.close();
});
