/** Audio from a real S3 interface: moto_server, which the tests' set-up brings. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { motoCredentials, startMoto } from '../../test/servers/moto.ts';
import type { TestServer } from '../../test/servers/start.ts';
import { fetchAudio } from './fetch-audio.ts';

let moto: TestServer;
let directory: string;
const saved = { ...process.env };

before(async () => {
  moto = await startMoto();
  directory = await mkdtemp(join(tmpdir(), 'tmon-s3-'));
  // The adapter takes what the AWS chain gives, as on a worker; this file is a process of its own.
  process.env.AWS_ENDPOINT_URL_S3 = moto.endpoint;
  process.env.AWS_ACCESS_KEY_ID = motoCredentials.accessKeyId;
  process.env.AWS_SECRET_ACCESS_KEY = motoCredentials.secretAccessKey;
  delete process.env.AWS_REGION;
  const client = new S3Client({
    endpoint: moto.endpoint,
    forcePathStyle: true,
    region: 'us-east-1',
    credentials: motoCredentials,
  });
  await client.send(new CreateBucketCommand({ Bucket: 'audio' }));
  await client.send(new PutObjectCommand({ Bucket: 'audio', Key: 'calls/a b#1?%.wav', Body: 'bytes of a call' }));
  client.destroy();
});

after(async () => {
  process.env = saved;
  await moto.stop();
  await rm(directory, { recursive: true, force: true });
});

function fetchOf(audio_url: string) {
  return fetchAudio({
    audio_url,
    path: join(directory, 'audio'),
    signal: new AbortController().signal,
    openUpload: () => Promise.reject(new Error('no upload was asked for')),
    limits: { size_bytes_max: 1000 },
  });
}

test('[A27] an object of any name is streamed to the file', async () => {
  const { path, file_size_bytes } = await fetchOf('s3://audio/calls/a b#1?%.wav');
  assert.equal(file_size_bytes, 15);
  assert.equal(await readFile(path, 'utf8'), 'bytes of a call');
});

test('a key or a bucket that is not there is audio_not_found', async () => {
  await assert.rejects(fetchOf('s3://audio/calls/absent.wav'), {
    code: 'audio_not_found',
    message: /absent\.wav: NoSuchKey/,
  });
  await assert.rejects(fetchOf('s3://nowhere/a.wav'), { code: 'audio_not_found', message: /NoSuchBucket/ });
});
