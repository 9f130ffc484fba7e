/** Dropped files and pasted URLs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRecording, prefixCommand, urlsIn } from './dropped.ts';

test('recordings are known by their type or their name', () => {
  for (const [name, type] of [
    ['a.WAV', ''],
    ['talk', 'audio/mpeg'],
    ['clip.mov', 'video/quicktime'],
  ] as const) {
    assert.ok(isRecording({ name, type }), name);
  }
  for (const [name, type] of [
    ['notes.txt', 'text/plain'],
    ['.DS_Store', ''],
  ] as const) {
    assert.ok(!isRecording({ name, type }), name);
  }
});

test('of pasted lines, URLs of recordings, prefixes and others are told apart', () => {
  const text =
    '\n s3://bucket/a b.mp3\nhttps://example.com/x.wav?sig=1\ns3://bucket/2026/\ns3://bucket/\nhello\nftp://x/y\n';
  assert.deepEqual(urlsIn(text), {
    urls: ['s3://bucket/a b.mp3', 'https://example.com/x.wav?sig=1'],
    prefixes: ['s3://bucket/2026/', 's3://bucket/'],
    others: ['hello', 'ftp://x/y'],
  });
});

test('the command for a prefix quotes what a shell would change', () => {
  const command = prefixCommand("s3://bucket/it's here/", 'http://127.0.0.1:8080');
  assert.match(command, /--bucket bucket --prefix 'it'\\''s here\/'/);
  assert.match(command, /tmon submit --server http:\/\/127\.0\.0\.1:8080$/);
});
