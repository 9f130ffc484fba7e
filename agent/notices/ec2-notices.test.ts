/** Notices from the instance metadata service: the token, what is a notice, and what is none. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StepClock } from '../testing-clock.ts';
import { Ec2Notices, ec2NoticesOf } from './ec2-notices.ts';
import { TestEc2Metadata } from './testing-ec2-metadata.ts';

const NOW_MS = Date.parse('2025-07-07T20:00:00Z');
const { signal } = new AbortController();
/** So that a busy machine is no failure. */
const PATIENT_MS = 60_000;
const IMPATIENT_MS = 100;

async function open(t: Parameters<typeof TestEc2Metadata.start>[0]) {
  const metadata = await TestEc2Metadata.start(t);
  const clock = new StepClock(NOW_MS);
  const options = { endpoint: metadata.url, expected: false, clock, timeout_ms: PATIENT_MS };
  return { metadata, clock, options, notices: new Ec2Notices(options) };
}

test('one token opens the session and serves all reads; without a notice there is none', async (t) => {
  const { metadata, notices } = await open(t);
  assert.equal(await notices.isHere(signal), true);
  assert.equal(await notices.read(signal), null);
  assert.equal(await notices.read(signal), null);
  const reads = [
    'GET /latest/meta-data/spot/instance-action 404',
    'GET /latest/meta-data/events/recommendations/rebalance 404',
  ];
  assert.deepEqual(metadata.requests, ['PUT /latest/api/token 200', ...reads, ...reads]);
});

test('an interruption has its time; it comes before a recommendation', async (t) => {
  const { metadata, notices } = await open(t);
  metadata.recommendRebalance('2025-07-07T19:55:00Z');
  assert.deepEqual(await notices.read(signal), {
    kind: 'rebalance',
    reason: 'rebalance recommendation at 2025-07-07T19:55:00Z',
  });
  for (const action of ['terminate', 'stop', 'hibernate']) {
    metadata.interrupt('2025-07-07T20:02:00Z', action);
    assert.deepEqual(await notices.read(signal), {
      kind: 'interruption',
      reason: 'spot interruption at 2025-07-07T20:02:00Z',
      ends_ms: NOW_MS + 120_000,
    });
  }
});

test('a token is renewed before it ends', async (t) => {
  const { metadata, clock, notices } = await open(t);
  metadata.ttl_seconds = 600;
  await notices.read(signal);
  clock.leap(539_999);
  await notices.read(signal);
  assert.equal(metadata.tokensIssued, 1);
  clock.leap(1);
  await notices.read(signal);
  assert.equal(metadata.tokensIssued, 2);
  assert.ok(!metadata.requests.some((request) => request.endsWith('401')));
});

test('a token that the service refuses is replaced, once a read', async (t) => {
  const { metadata, notices } = await open(t);
  await notices.read(signal);
  metadata.interrupt('2025-07-07T20:02:00Z');
  metadata.revokeTokens();
  assert.equal((await notices.read(signal))?.kind, 'interruption');
  assert.equal(metadata.tokensIssued, 2);
  metadata.fail = ({ method }) => (method === 'GET' ? 401 : undefined);
  metadata.requests.length = 0;
  await assert.rejects(notices.read(signal), /status 401/);
  assert.equal(metadata.requests.length, 3, 'read, token, read');
});

for (const body of [
  '',
  'null',
  '[]',
  '{"action": "terminate"',
  '{"action": "terminate"}',
  '{"action": "terminate", "time": "soon"}',
  '{"action": "dance", "time": "2025-07-07T20:02:00Z"}',
  '<html>Log in to continue</html>',
]) {
  test(`a response of ${JSON.stringify(body)} is no notice, and is reported`, async (t) => {
    const { metadata, notices } = await open(t);
    metadata.interruption = body;
    await assert.rejects(notices.read(signal), /a notice that is not understood/);
    metadata.interruption = null;
    metadata.rebalance = body;
    await assert.rejects(notices.read(signal), /a notice that is not understood/);
  });
}

test('errors, endless bodies and missing responses reject the read; the next one works', async (t) => {
  const { metadata, options, notices } = await open(t);
  for (const status of [429, 500, 503]) {
    metadata.fail = () => status;
    await assert.rejects(notices.read(signal), new RegExp(`status ${status}`));
  }
  metadata.fail = () => undefined;
  metadata.interruption = 'x'.repeat(100_000);
  await assert.rejects(notices.read(signal), /more than 4096 bytes/);
  metadata.fail = () => 0;
  const impatient = new Ec2Notices({ ...options, timeout_ms: IMPATIENT_MS });
  await assert.rejects(impatient.read(signal), /does not respond; in a container, the metadata hop limit/);
  metadata.fail = () => undefined;
  metadata.interruption = null;
  assert.equal(await notices.read(signal), null);
});

test('elsewhere than on EC2 one request finds that out, whatever responds', async (t) => {
  const { metadata, options, notices } = await open(t);
  for (const status of [400, 403, 404, 405, 500]) {
    metadata.fail = () => status;
    assert.equal(await notices.isHere(signal), false, `status ${status}`);
  }
  assert.ok(metadata.requests.every((request) => request.startsWith('PUT ')));
  metadata.fail = () => 0;
  const impatient = new Ec2Notices({ ...options, timeout_ms: IMPATIENT_MS });
  assert.equal(await impatient.isHere(signal), false, 'nothing responds');
  await metadata.stop();
  assert.equal(await notices.isHere(signal), false, 'nothing listens');
  const known = new Ec2Notices({ ...options, expected: true });
  assert.equal(await known.isHere(signal), true, 'a machine that is known to be an instance asks again');
  await assert.rejects(known.read(signal), /ECONNREFUSED/);
});

test("AWS's variables choose the endpoint, and disable it", async (t) => {
  const { metadata } = await open(t);
  const variables = { AWS_EC2_METADATA_SERVICE_ENDPOINT: metadata.url };
  const off = { ...variables, AWS_EC2_METADATA_DISABLED: 'TRUE' };
  assert.equal(ec2NoticesOf(off, { isEc2: true }), undefined);
  assert.equal(await ec2NoticesOf(variables, { isEc2: false })!.read(signal), null);
  assert.equal(metadata.tokensIssued, 1);
  const wrong = ec2NoticesOf({ AWS_EC2_METADATA_SERVICE_ENDPOINT: 'metadata' }, { isEc2: false })!;
  await assert.rejects(wrong.read(signal), /metadata: Invalid URL/);
});
