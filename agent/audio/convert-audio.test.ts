/** The converter: its arguments and failures against a stand-in for ffmpeg, and the real one where it is installed. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { findProgram } from '../engines/find-program.ts';
import { asPlainWav } from './convert-audio.ts';
import { ffmpegInput } from './ffmpeg-input.ts';
import { probeAudio } from './probe-audio.ts';

const EXAMPLE = fileURLToPath(new URL('../../examples/audio/lost-keys.wav', import.meta.url));
const MP3 = fileURLToPath(new URL('testdata/tone.mp3', import.meta.url));
const signal = new AbortController().signal;

async function setUp(t: TestContext, script: string) {
  const work_directory = await mkdtemp(join(tmpdir(), 'tmon-convert-'));
  t.after(() => rm(work_directory, { recursive: true, force: true }));
  const ffmpeg = join(work_directory, 'ffmpeg');
  await writeFile(ffmpeg, `#!/bin/sh\n${script}\n`);
  await chmod(ffmpeg, 0o755);
  return { work_directory, ffmpeg, signal };
}

test('a plain WAV is read as it is', async (t) => {
  const request = await setUp(t, 'exit 1');
  assert.equal(await asPlainWav({ ...request, audio_path: EXAMPLE }), EXAMPLE);
});

test('formats that the engine reads itself are left unchanged', async (t) => {
  const request = await setUp(t, 'exit 1');
  assert.equal(await asPlainWav({ ...request, audio_path: MP3, leave: ['mp3'] }), MP3);
});

test('anything else is converted by ffmpeg, which may open no format that names other files', async (t) => {
  const request = await setUp(t, `printf '%s\\n' "$@" > arguments; head -c 64000 /dev/zero`);
  const path = await asPlainWav({ ...request, audio_path: MP3 });
  const written = await readFile(path);
  assert.deepEqual([written.length, written.readUInt32LE(4), written.readUInt32LE(40)], [64_044, 64_036, 64_000]);
  const args = (await readFile(join(request.work_directory, 'arguments'), 'utf8')).split('\n');
  const formats = args[args.indexOf('-format_whitelist') + 1]!.split(',');
  assert.ok(formats.includes('mp3') && !formats.some((name) => /hls|concat|dash|image2|sdp/.test(name)));
  assert.equal(args[args.indexOf('-protocol_whitelist') + 1], 'file');
  assert.equal(args[args.indexOf('-i') + 1], `file:${MP3}`);
  assert.deepEqual(args.slice(args.indexOf('-ac')).slice(0, 6), ['-ac', '1', '-ar', '16000', '-c:a', 'pcm_s16le']);
});

test('a file that ffmpeg cannot read is audio_unreadable, without the path', async (t) => {
  const request = await setUp(t, `echo "file:${MP3}: Invalid data found when processing input" >&2; exit 1`);
  await assert.rejects(asPlainWav({ ...request, audio_path: MP3 }), {
    code: 'audio_unreadable',
    message: 'ffmpeg cannot read this mp3: Invalid data found when processing input',
  });
});

test('a full disk is the failure, though ffmpeg would end with 0', { skip: !existsSync('/dev/full') }, async (t) => {
  const request = await setUp(t, 'head -c 4000000 /dev/zero; exit 0');
  await symlink('/dev/full', join(request.work_directory, 'plain-16k.wav'));
  await assert.rejects(asPlainWav({ ...request, audio_path: MP3 }), { code: 'disk_full', retryable: true });
});

test('audio of which ffmpeg decodes nothing is empty', async (t) => {
  const request = await setUp(t, 'exit 0');
  await assert.rejects(asPlainWav({ ...request, audio_path: MP3 }), { code: 'audio_empty' });
});

test('without ffmpeg it is audio_unsupported, and the hint names both solutions', async (t) => {
  const request = await setUp(t, '');
  await assert.rejects(asPlainWav({ ...request, audio_path: MP3, ffmpeg: '/nowhere/ffmpeg' }), {
    code: 'audio_unsupported',
    hint: /install ffmpeg.*16 kHz mono 16-bit WAV/,
  });
});

test('a playlist, which names other files, never reaches ffmpeg', async (t) => {
  const request = await setUp(t, 'echo asked > asked; exit 1');
  const audio_path = join(request.work_directory, 'audio.wav');
  await writeFile(audio_path, '#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n');
  await assert.rejects(asPlainWav({ ...request, audio_path }), { code: 'not_audio' });
  await assert.rejects(readFile(join(request.work_directory, 'asked')), { code: 'ENOENT' });
});

const absent = (await findProgram('ffmpeg')) === null && 'ffmpeg is not installed: apt-get install ffmpeg';

test('an MP3 that begins in mid-frame, under a wrong name, is converted whole', { skip: absent }, async (t) => {
  const { work_directory } = await setUp(t, '');
  const audio_path = join(work_directory, 'audio.wav');
  await writeFile(audio_path, (await readFile(MP3)).subarray(300));
  const { duration_seconds } = await probeAudio(await asPlainWav({ work_directory, signal, audio_path }));
  assert.ok(Math.abs(duration_seconds! - 2) < 0.1, `${duration_seconds} s`);
});

test('of a concat script ffmpeg opens nothing, even if asked to', { skip: absent }, async (t) => {
  const { work_directory } = await setUp(t, '');
  const audio_path = join(work_directory, 'audio');
  await writeFile(audio_path, `ffconcat version 1.0\nfile ${MP3}\n`);
  const input = ffmpegInput(audio_path);
  const convert = promisify(execFile)('ffmpeg', ['-v', 'error', '-safe', '0', ...input, '-f', 'null', '-']);
  await assert.rejects(convert, /Format not on whitelist|Invalid/);
});
