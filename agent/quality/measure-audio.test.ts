import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { SILENT_DB } from './heard.ts';
import { LevelMeter, measureAudio } from './measure-audio.ts';

const MP3 = fileURLToPath(new URL('../audio/testdata/tone.mp3', import.meta.url));

function samples(seconds: number, amplitude: number): Buffer {
  const bytes = Buffer.alloc(seconds * 16_000 * 2);
  for (let at = 0; at < bytes.length; at += 2) bytes.writeInt16LE(at % 4 === 0 ? amplitude : -amplitude, at);
  return bytes;
}

test('the level of each half second is in dB of full scale, however the bytes are cut', async () => {
  const bytes = Buffer.concat([samples(1, 32_767), samples(0.5, 0), samples(0.5, 3277), samples(0.25, 328)]);
  for (const size of [1, 7, 4096, bytes.length]) {
    const meter = new LevelMeter();
    for (let at = 0; at < bytes.length; at += size) meter.write(bytes.subarray(at, at + size));
    await new Promise<void>((resolve) => meter.end(resolve));
    assert.deepEqual([meter.duration_seconds, meter.levels()], [2.25, [-0, -0, SILENT_DB, -20, -40]]);
  }
});

async function request(t: TestContext, script: string) {
  const directory = await mkdtemp(join(tmpdir(), 'tmon-measure-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const ffmpeg = join(directory, 'ffmpeg');
  await writeFile(ffmpeg, `#!/bin/sh\n${script}\n`);
  await chmod(ffmpeg, 0o755);
  return { audio_path: MP3, directory, ffmpeg, signal: new AbortController().signal };
}

test('a recording is measured by ffmpeg', async (t) => {
  const heard = await measureAudio(await request(t, 'head -c 48000 /dev/zero'));
  assert.deepEqual(heard, { duration_seconds: 1.5, level_db: [SILENT_DB, SILENT_DB, SILENT_DB], voice: null });
});

test('what ffmpeg cannot read, or a machine without it, is not measured', async (t) => {
  assert.equal(await measureAudio(await request(t, 'head -c 48000 /dev/zero; exit 1')), null);
  assert.equal(await measureAudio(await request(t, 'exit 0')), null);
  assert.equal(await measureAudio({ ...(await request(t, '')), ffmpeg: '/nowhere/ffmpeg' }), null);
});
