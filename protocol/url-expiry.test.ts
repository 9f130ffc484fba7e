import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatTime } from './time.ts';
import { urlExpiry } from './url-expiry.ts';

const NOON = Date.parse('2026-11-27T12:00:00Z');

test('until when a signed URL is valid follows from its query', () => {
  const seconds = NOON / 1000;
  for (const query of [
    'X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20261127T110000Z&X-Amz-Expires=3600&X-Amz-Signature=0',
    'x-amz-date=20261127T115959Z&x-amz-expires=1',
    'X-Goog-Date=20261120T120000Z&X-Goog-Expires=604800&X-Goog-Signature=0',
    `AWSAccessKeyId=A&Expires=${seconds}&Signature=0`,
    `Expires=${seconds}&Signature=0&Key-Pair-Id=K`,
    'sv=2024-11-04&st=2026-11-27T10%3A00%3A00Z&se=2026-11-27T12%3A00%3A00Z&sr=b&sp=r&sig=0',
  ]) {
    for (const url of [`https://host/a.wav?${query}`, `HTTP://host/a.wav?v=1&${query}#t=1`]) {
      assert.equal(urlExpiry(url), NOON, url);
    }
  }
  assert.equal(formatTime(urlExpiry('https://host/a?se=2026-11-28&sig=0')!), '2026-11-28T00:00:00Z');
});

test('any other URL does not say', () => {
  for (const url of [
    'https://host/a.wav',
    'https://host/a.wav?Expires=soon',
    'https://host/a.wav?Expires=3600',
    'https://host/a.wav?Expires=99999999999999999999',
    'https://host/a.wav?X-Amz-Date=20261127T110000Z',
    'https://host/a.wav?X-Amz-Date=yesterday&X-Amz-Expires=60',
    'https://host/a.wav?X-Amz-Date=20261399T110000Z&X-Amz-Expires=60',
    'https://host/a.wav?X-Amz-Date=20261127T110000Z&X-Amz-Expires=1e300',
    'https://host/a.wav?X-Amz-Date=20261127T110000Z&X-Amz-Expires=-5',
    'https://host/a.wav?se=2026-11-27T12:00:00Z',
    'https://host/a.wav#?Expires=1795780800',
    's3://bucket/key?Expires=1795780800',
    'https://host/%?%&Expires',
  ]) {
    assert.equal(urlExpiry(url), null, url);
  }
});
