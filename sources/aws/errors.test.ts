/** Whatever AWS refuses with becomes one line and a command. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
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
  [failure('NoSuchBucket', 404), 'missing', 'there is no bucket status-bucket', /^aws s3 mb/],
  [failure('QueueDoesNotExist', 400), 'missing', 'there is no bucket status-bucket', /^aws s3 mb/],
  [failure('ResourceNotFoundException', 400), 'missing', 'there is no bucket status-bucket', /^aws s3 mb/],
  [failure('CredentialsProviderError'), 'denied', 'no AWS credentials were found', /^aws configure/],
  [failure('InvalidAccessKeyId', 403), 'denied', 'AWS does not take these credentials', /get-caller-identity/],
  [failure('UnrecognizedClientException', 400), 'denied', 'AWS does not take these credentials', /get-caller-identity/],
  [failure('ExpiredToken', 400), 'denied', 'AWS does not take these credentials', /get-caller-identity/],
  [failure('AccessDenied', 403), 'denied', 'access to bucket status-bucket is denied', /^allow s3:ListBucket on it$/],
  [failure('Weird', 403), 'denied', 'access to bucket status-bucket is denied', /^allow s3:ListBucket on it$/],
  [failure('ValidationException', 400), 'unusable', 'bucket status-bucket: ValidationException: so it is', undefined],
  [failure('TimeoutError'), 'unreachable', 'no answer from AWS: so it is', /AWS_ENDPOINT_URL/],
  [failure('SlowDown', 503), 'unreachable', 'no answer from AWS: so it is', /AWS_ENDPOINT_URL/],
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

test('an address with several names that all refuse still says why', () => {
  const refused = Object.assign(new AggregateError([], ''), { code: 'ECONNREFUSED' });
  assert.equal(awsError(refused, thing).message, 's3://status-bucket: no answer from AWS: ECONNREFUSED');
});
