/** Recordings below a prefix, in a real S3 server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { gatewayAbsent, gatewayCredentials, startGateway } from '../../test/servers/s3-gateway.ts';
import { findInputs } from './inputs.ts';

test('a prefix has its recordings by name, with the version of each; hidden ones are left out', {
  skip: gatewayAbsent(),
}, async (t) => {
  const saved = { ...process.env };
  const { endpoint, stop } = await startGateway();
  t.after(async () => {
    process.env = saved;
    await stop();
  });
  const { accessKeyId, secretAccessKey } = gatewayCredentials;
  // As on a machine of a user; this file is a process of its own.
  Object.assign(process.env, {
    AWS_ENDPOINT_URL_S3: endpoint,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
  });
  const client = new S3Client({ endpoint, forcePathStyle: true, region: 'us-east-1', credentials: gatewayCredentials });
  await client.send(new CreateBucketCommand({ Bucket: 'audio' }));
  for (const Key of ['calls/a b#1.wav', 'calls/may/c.MP3', 'calls/notes.txt', 'calls/.old/d.wav', 'other/e.wav']) {
    await client.send(new PutObjectCommand({ Bucket: 'audio', Key, Body: Key }));
  }
  client.destroy();
  const { inputs, others } = await findInputs(['s3://audio/calls/'], { recursive: true });
  assert.deepEqual(
    inputs.map((input) => 'url' in input && input.url),
    ['s3://audio/calls/a b#1.wav', 's3://audio/calls/may/c.MP3'],
  );
  assert.equal(others, 1);
  const versions = inputs.map((input) => ('url' in input ? input.version : undefined));
  assert.ok(versions.every((version) => version) && versions[0] !== versions[1], String(versions));
  await assert.rejects(findInputs(['s3://absent/calls/'], { recursive: true }), { exitCode: 4 });
});
