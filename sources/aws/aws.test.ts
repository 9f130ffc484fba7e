/** Every AWS error becomes one line and a command; without a configured region there is a default. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '../../test/processes/tmon.ts';
import { awsConfig, withinLimit } from './client.ts';
import { awsError } from './errors.ts';

const thing = {
  name: 's3://status-bucket',
  what: 'bucket status-bucket',
  make: 'aws s3 mb s3://status-bucket',
  allow: 's3:ListBucket',
};

function failure(name: string, httpStatusCode?: number, message = 'so it is') {
  return Object.assign(new Error(message), { name, $metadata: { httpStatusCode } });
}

for (const [error, kind, message, hint] of [
  [failure('NoSuchBucket', 404), 'missing', 'bucket status-bucket does not exist', /^aws s3 mb/],
  [failure('QueueDoesNotExist', 400), 'missing', 'bucket status-bucket does not exist', /^aws s3 mb/],
  [failure('ResourceNotFoundException', 400), 'missing', 'bucket status-bucket does not exist', /^aws s3 mb/],
  [failure('CredentialsProviderError'), 'denied', 'no AWS credentials found', /^aws configure/],
  [failure('InvalidAccessKeyId', 403), 'denied', 'AWS does not accept these credentials', /get-caller-identity/],
  [
    failure('UnrecognizedClientException', 400),
    'denied',
    'AWS does not accept these credentials',
    /get-caller-identity/,
  ],
  [failure('ExpiredToken', 400), 'denied', 'AWS does not accept these credentials', /get-caller-identity/],
  [failure('AccessDenied', 403), 'denied', 'access to bucket status-bucket is denied', /^allow s3:ListBucket on it$/],
  [failure('Weird', 403), 'denied', 'access to bucket status-bucket is denied', /^allow s3:ListBucket on it$/],
  [failure('ValidationException', 400), 'unusable', 'bucket status-bucket: ValidationException: so it is', undefined],
  [failure('TimeoutError'), 'unreachable', 'no response from AWS: so it is', /AWS_ENDPOINT_URL/],
  [failure('SlowDown', 503), 'unreachable', 'no response from AWS: so it is', /AWS_ENDPOINT_URL/],
] as const) {
  test(`${error.name} ${error.$metadata.httpStatusCode ?? ''} is ${kind}`, () => {
    const told = awsError(error, thing);
    assert.equal(told.kind, kind);
    assert.ok(told.message.startsWith(`s3://status-bucket: ${message}`), told.message);
    if (hint === undefined) assert.equal(told.hint, undefined);
    else assert.match(told.hint!, hint);
    assert.equal(told.cause, error);
  });
}

test('a name with several addresses that all refuse has a reason', () => {
  const refused = Object.assign(new AggregateError([], ''), { code: 'ECONNREFUSED' });
  assert.equal(awsError(refused, thing).message, 's3://status-bucket: no response from AWS: ECONNREFUSED');
});

test('the region is that of the environment, of the profile, or us-east-1', (t) => {
  const names = ['AWS_REGION', 'AWS_DEFAULT_REGION', 'AWS_PROFILE', 'AWS_CONFIG_FILE'];
  const before = names.map((name) => process.env[name]);
  t.after(() => {
    for (const [index, name] of names.entries()) {
      if (before[index] === undefined) delete process.env[name];
      else process.env[name] = before[index];
    }
  });
  for (const name of names) delete process.env[name];
  process.env.AWS_CONFIG_FILE = join(temporaryDirectory(t), 'config');
  assert.equal(awsConfig().region, 'us-east-1');
  writeFileSync(
    process.env.AWS_CONFIG_FILE,
    '[default]\noutput = json\n\n[profile night]\noutput = json\nregion = eu-west-1\n[profile day]\nregion=eu-north-1\n',
  );
  assert.equal(awsConfig().region, 'us-east-1');
  process.env.AWS_PROFILE = 'night';
  assert.equal(awsConfig().region, 'eu-west-1');
  process.env.AWS_DEFAULT_REGION = 'us-west-2';
  assert.equal(awsConfig().region, 'us-west-2');
});

test('a service that accepts the connection and is silent is given up after ten seconds, all attempts together', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let middleware: (next: () => Promise<unknown>) => () => Promise<unknown> = (next) => next;
  const add = (given: typeof middleware) => {
    middleware = given;
  };
  const client = { middlewareStack: { add } };
  assert.equal(withinLimit(client), client);
  const silent = middleware(() => new Promise(() => {}))();
  t.mock.timers.tick(9999);
  const still = Symbol('still waiting');
  assert.equal(await Promise.race([silent, Promise.resolve(still)]), still);
  t.mock.timers.tick(1);
  const error = await silent.catch((why: Error) => why);
  assert.equal(awsError(error, thing).message, 's3://status-bucket: no response from AWS: no response in 10 s');
  assert.equal(await middleware(async () => 'answer')(), 'answer');
});
