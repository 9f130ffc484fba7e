/** Which store a URL opens, and the errors for invalid ones. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { systemClock } from '../clock.ts';
import { openStore } from './open-store.ts';
import { StoreError } from './store.ts';

const options = { clock: systemClock, lock: false, create: true };

describe('opening a store by its URL', () => {
  test('a path, with dir: before it or bare, is a directory', async () => {
    const root = await mkdtemp(join(tmpdir(), 'tmon-open-'));
    try {
      for (const url of [`dir:${root}/data`, `${root}/data`, `DIR:${root}/data`]) {
        const store = await openStore(url, options);
        assert.equal(store.url, `dir:${root}/data`);
        assert.equal(store.shared, false);
        assert.equal(store.locate('a/b.json'), `file://${root}/data/a/b.json`);
        await store.close();
      }
    } finally {
      await rm(root, { recursive: true });
    }
  });

  test('memory: is a store in memory', async () => {
    const store = await openStore('memory:', options);
    assert.equal(store.url, 'memory:');
    assert.equal(store.shared, false);
    await store.close();
  });

  test('s3:// is a bucket with or without a prefix, and no request is sent yet', async () => {
    for (const [url, named] of [
      ['s3://bucket', 's3://bucket'],
      ['s3://bucket/', 's3://bucket'],
      ['S3://bucket/', 's3://bucket'],
      ['s3://my.bucket-1/monitor/prod/', 's3://my.bucket-1/monitor/prod'],
    ] as const) {
      const store = await openStore(url, options);
      assert.equal(store.url, named);
      assert.equal(store.shared, true);
      assert.equal(store.locate('jobs/x.json'), `${named}/jobs/x.json`);
      await store.close();
    }
  });

  for (const url of [
    '',
    ' ',
    'dir:',
    'dir://data',
    'memory:x',
    's3:bucket',
    's3://',
    's3://b',
    's3://bucket/a//b',
    's3://bucket/.a',
    's3://bucket/a b',
    `s3://bucket/${'x'.repeat(121)}`,
    's3://bucket/prefix?region=eu-west-1',
    's3://key:secret@bucket',
    'file:///srv/data',
    'postgres://monitor:secret@host/db',
    'https://key:secret@host/bucket',
    'gs://bucket',
  ]) {
    test(`${JSON.stringify(url.slice(0, 40))} is refused with a hint that does not repeat its credentials`, async () => {
      await assert.rejects(openStore(url, options), (error) => {
        assert.ok(error instanceof StoreError);
        assert.equal(error.kind, 'refused');
        assert.equal(error.code, 'bad_store_url');
        assert.ok(error.hint);
        assert.doesNotMatch(`${error.message} ${error.hint}`, /secret@|:secret/);
        return true;
      });
    });
  }

  for (const [bucket, reason] of [
    ['my_bucket', /has an underscore/],
    ['My-bucket', /has a capital letter/],
    ['b', /has 1 characters/],
    ['-bucket', /begins or ends/],
    ['bucket!', /contains "!"/],
    ['arn:aws:s3:eu-west-1:123456789012:accesspoint/mine', /is an ARN/],
    ['', /names no bucket/],
  ] as const) {
    test(`s3://${bucket} is refused with the rule that its name breaks`, async () => {
      await assert.rejects(openStore(`s3://${bucket}/prefix`, options), { code: 'bad_store_url', message: reason });
    });
  }

  test('a file where the directory should be is refused with a clear error', async () => {
    const root = await mkdtemp(join(tmpdir(), 'tmon-open-'));
    try {
      await writeFile(join(root, 'file'), '');
      for (const path of ['file', 'file/data']) {
        await assert.rejects(openStore(join(root, path), options), { kind: 'refused', code: 'store_not_a_directory' });
      }
    } finally {
      await rm(root, { recursive: true });
    }
  });
});
