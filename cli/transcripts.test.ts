/** `tmon transcripts`: each transcript in a file named after its recording, once. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { runTmon, temporaryDirectory } from '../test/processes/tmon.ts';
import { openMonitor } from '../test/servers/monitor.ts';
import { complete, hold, submit, TRANSCRIPT } from '../test/servers/steps.ts';
import { withFileNames } from './transcripts.ts';

test('all that match are downloaded; what exists is left unless --force is given; a failed one stops no other', async (t) => {
  const monitor = await openMonitor(t);
  const done = async (audio_url: string, stored = true) => {
    const held = await hold(monitor, { audio_url, tags: ['may'] });
    const headers = { 'lease-token': held.token };
    if (stored) await monitor.put(`/jobs/${held.id}/transcript`, { ...TRANSCRIPT, text: audio_url }, headers);
    await complete(monitor, held);
    return held.id;
  };
  await done('s3://calls/a/one.mp3');
  const second = await done('s3://calls/b/ONE.wav');
  await done('https://calls.example.com/..%2F..%2Fetc%2Fpasswd.mp3?x=1');
  await submit(monitor, { audio_url: 's3://calls/waits.mp3', tags: ['may'] });
  const folder = join(temporaryDirectory(t), 'new', 'folder');
  const tmon = (...args: string[]) =>
    runTmon(t, ['transcripts', '--tag', 'may', '-o', folder, '--server', monitor.url, ...args]);
  const first = await tmon('--format', 'srt');
  assert.deepEqual([first.code, first.stderr], [0, '3 written\n']);
  const names = ['_.._etc_passwd.srt', `ONE.${second}.srt`, 'one.srt'];
  assert.deepEqual(readdirSync(folder).sort(), names.sort());
  assert.match(readFileSync(join(folder, 'one.srt'), 'utf8'), /^1\n00:00:00,000 --> 00:00:01,000\nhello\n/);

  writeFileSync(join(folder, 'one.srt'), 'mine');
  const broken = await done('s3://calls/lost.mp3', false);
  const again = await tmon('--format', 'srt');
  assert.deepEqual([again.code !== 0, again.stderr.includes(broken)], [true, true], again.stderr);
  assert.match(again.stderr, /0 written, 3 were there .*, 1 failed\n$/);
  assert.equal(readFileSync(join(folder, 'one.srt'), 'utf8'), 'mine');
  await tmon('--format', 'srt', '--force');
  assert.notEqual(readFileSync(join(folder, 'one.srt'), 'utf8'), 'mine');
  assert.equal(readdirSync(folder).length, 3);
});

test('names that collide, also where case does not count, get the id of the job', () => {
  const named = withFileNames(
    [
      { id: 'job-1', name: 'Call' },
      { id: 'job-2', name: 'call' },
      { id: 'job-3', name: 'café' },
      { id: 'a/b', name: 'cafe\u0301' },
    ],
    'txt',
  );
  assert.deepEqual(
    named.map(({ file }) => file),
    ['Call.txt', 'call.job-2.txt', 'café.txt', 'cafe\u0301.a_b.txt'],
  );
});
