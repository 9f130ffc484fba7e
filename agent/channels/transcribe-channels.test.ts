/** `channels=split` with a real ffmpeg, and an engine that writes which tones it hears. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import type { Transcript } from '../../protocol/transcript.ts';
import { type Engine, EngineError } from '../engines/engine.ts';
import { findProgram } from '../engines/find-program.ts';
import { temporaryTask } from '../engines/testing.ts';
import { ChannelWriter } from './channel-writer.ts';
import { mergeChannels } from './merge-channels.ts';
import { separateChannels } from './separate-channels.ts';
import { hearsTones, tones } from './testing-tones.ts';
import { type ChannelOptions, type Part, transcribeChannels } from './transcribe-channels.ts';

const skip = (await findProgram('ffmpeg')) === null && 'ffmpeg is not installed: apt-get install ffmpeg';

async function transcribe(
  t: TestContext,
  audio: Buffer,
  { engine = hearsTones(), signal = new AbortController().signal }: { engine?: Engine; signal?: AbortSignal } = {},
) {
  const { work_directory, ...task } = await temporaryTask(t);
  const audio_path = join(work_directory, 'call.wav');
  await writeFile(audio_path, audio);
  const own = join(work_directory, 'engine');
  await mkdir(own);
  const parts: Part[] = [];
  const again: Part[] = [];
  const options: ChannelOptions = {
    signal,
    onSuspect: 'retry',
    begin(part) {
      parts.push(part);
      return { signal, onProgress: () => {}, ended: () => {} };
    },
    measure: async () => null,
    onSecondTry: (_quality, _what, part) => again.push(part),
  };
  const transcript = await transcribeChannels(engine, { ...task, audio_path, work_directory: own }, options);
  return { transcript, parts, again, left: await readdir(own) };
}

const told = ({ segments }: Transcript) =>
  segments.map(({ id, start_seconds, channel, text }) => [id, start_seconds, channel, text]);

test('each channel is transcribed by itself, and the segments are merged by time', { skip }, async (t) => {
  const { transcript, parts, left } = await transcribe(t, tones([300, 0, 300, 0], [0, 900, 900, 0]));
  assert.deepEqual(told(transcript), [
    [0, 0, 0, '300 Hz'],
    [1, 1, 1, '900 Hz'],
    [2, 2, 0, '300 Hz'],
    [3, 2, 1, '900 Hz'],
  ]);
  assert.equal(transcript.text, '300 Hz 900 Hz 300 Hz 900 Hz');
  assert.equal(transcript.duration_seconds, 4);
  const count = 2;
  assert.deepEqual(parts, [
    { index: 0, count },
    { index: 1, count },
  ]);
  assert.deepEqual(left, [], 'the files of the channels are removed');
});

test('a channel in which nothing is heard is not given to the engine', { skip }, async (t) => {
  const { transcript, parts } = await transcribe(t, tones([0, 0], [700, 0], [0, 0]));
  assert.deepEqual(told(transcript), [[0, 0, 1, '700 Hz']]);
  assert.deepEqual(parts, [{ index: 0, count: 1 }]);
});

test('a recording with one channel, with the same in all, or silent is transcribed as it is', { skip }, async (t) => {
  for (const audio of [tones([300, 0]), tones([300, 0], [300, 0]), tones([0, 0], [0, 0], [0, 0])]) {
    const { transcript, parts, left } = await transcribe(t, audio);
    assert.deepEqual(told(transcript), audio.readInt16LE(64) === 0 ? [] : [[0, 0, undefined, '300 Hz']]);
    assert.deepEqual(parts, [{ index: 0, count: 1 }]);
    assert.deepEqual(left, []);
  }
});

test('what is written of a pause is left out if the engine itself doubts it', { skip }, async (t) => {
  const engine = hearsTones({ invents: 'Thank you.' });
  const { transcript } = await transcribe(t, tones([300, 0, 300], [0, 900, 0]), { engine });
  assert.deepEqual(
    transcript.segments.map(({ text }) => text),
    ['300 Hz', '900 Hz', '300 Hz'],
  );
  assert.equal(transcript.quality?.suspect, false);
});

test('a suspect channel alone is tried again', { skip }, async (t) => {
  const engine: Engine = {
    ...hearsTones(),
    second_try: 'with other options',
    async transcribe(task, options) {
      const heard = await hearsTones().transcribe(task, options);
      if (task.second_try || !heard.text.startsWith('900')) return heard;
      return { ...heard, segments: heard.segments.map((one) => ({ ...one, text: 'you '.repeat(20) })) };
    },
  };
  const { transcript, parts, again } = await transcribe(t, tones([300], [900]), { engine });
  assert.deepEqual(told(transcript), [
    [0, 0, 0, '300 Hz'],
    [1, 0, 1, '900 Hz'],
  ]);
  assert.deepEqual(
    parts.map(({ index }) => index),
    [0, 1, 1],
  );
  assert.deepEqual(again, [{ index: 1, count: 2 }]);
});

test('a stop between two channels ends the work', { skip }, async (t) => {
  const stop = new AbortController();
  let calls = 0;
  const engine: Engine = {
    ...hearsTones(),
    async transcribe(task, options) {
      calls += 1;
      stop.abort(new Error('cancelled'));
      return hearsTones().transcribe(task, options);
    },
  };
  await assert.rejects(transcribe(t, tones([300], [900]), { engine, signal: stop.signal }), /cancelled/);
  assert.equal(calls, 1);
});

test('the failure of one channel is that of the job', { skip }, async (t) => {
  const engine: Engine = {
    ...hearsTones(),
    transcribe: () => Promise.reject(new EngineError('gpu_out_of_memory', 'full')),
  };
  await assert.rejects(transcribe(t, tones([300], [900]), { engine }), { code: 'gpu_out_of_memory' });
});

test('a full disk is the failure, though ffmpeg would end with 0', {
  skip: skip || !existsSync('/dev/full'),
}, async (t) => {
  const { work_directory } = await temporaryTask(t);
  const audio_path = join(work_directory, 'call.wav');
  await writeFile(audio_path, tones([300, 300, 300], [900]));
  await symlink('/dev/full', join(work_directory, 'channel-1.wav'));
  const { signal } = new AbortController();
  await assert.rejects(separateChannels({ audio_path, work_directory, signal }), { code: 'disk_full' });
});

test('without ffmpeg, or with too many channels, the job fails with what helps', async (t) => {
  const { work_directory, audio_path } = await temporaryTask(t);
  const { signal } = new AbortController();
  await assert.rejects(separateChannels({ audio_path, work_directory, signal, ffmpeg: '/nowhere/ffmpeg' }), {
    code: 'audio_unsupported',
    hint: /install ffmpeg/,
  });
  const writer = new ChannelWriter(work_directory);
  const failed = new Promise((resolve) => writer.once('error', resolve));
  writer.write(tones(...Array.from({ length: 17 }, () => [0])).subarray(0, 100));
  assert.match(String(await failed), /17 channels, and at most 16/);
});

test('samples arrive in pieces of any length', async (t) => {
  const { work_directory } = await temporaryTask(t);
  const whole = tones([300, 600], [900, 0], [0, 400]);
  const writer = new ChannelWriter(work_directory);
  const finished = new Promise((resolve) => writer.once('finish', resolve));
  for (let at = 0; at < whole.length; at += 4097) writer.write(whole.subarray(at, at + 4097));
  writer.end();
  await finished;
  assert.deepEqual(
    writer.channels.map(({ duration_seconds, level_db }) => [duration_seconds, level_db]),
    [
      [2, [-15, -15, -15, -15]],
      [2, [-15, -15, -120, -120]],
      [2, [-120, -120, -15, -15]],
    ],
  );
  for (const { path } of writer.channels) await rm(path);
});

test('channels of different languages: each segment has its own, the transcript that of most speech', () => {
  const of = (channel: number, language: string, seconds: number) => {
    const words = [{ start_seconds: 0, end_seconds: 1, text: 'a', probability: 1 }];
    const segment = { id: 0, start_seconds: 0, end_seconds: seconds, text: language, confidence: 1, words };
    const reasons = [{ code: 'repetition', message: 'again', start_seconds: 0, end_seconds: 1 }];
    const warnings = [{ code: 'audio_damaged', message: 'x' }];
    const quality = { suspect: channel === 1, reasons: channel === 1 ? reasons : [] };
    const rest = { text: language, language, duration_seconds: 9, engine: 'e', segments: [segment], warnings, quality };
    return { channel, transcript: rest };
  };
  const merged = mergeChannels([of(0, 'de', 2), of(1, 'en', 3)]);
  assert.equal(merged.language, 'en');
  assert.deepEqual(
    merged.segments.map(({ language, words }) => [language, words?.[0]?.channel]),
    [
      ['de', 0],
      ['en', 1],
    ],
  );
  assert.deepEqual(merged.warnings, [{ code: 'audio_damaged', message: 'x' }]);
  assert.deepEqual([merged.quality.suspect, merged.quality.reasons[0]?.message], [true, 'channel 1: again']);
  const same = mergeChannels([of(0, 'de', 2), of(1, 'de', 3)]);
  assert.ok(same.segments.every(({ language }) => language === undefined));
});

test('a recording whose sound is damaged has a warning, once', { skip }, async (t) => {
  const { work_directory } = await temporaryTask(t);
  const [whole, audio_path] = ['whole.mp3', 'damaged.mp3'].map((name) => join(work_directory, name)) as [
    string,
    string,
  ];
  await writeFile(join(work_directory, 'call.wav'), tones([300, 300, 300, 300, 0], [0, 900, 900, 900, 900]));
  await promisify(execFile)('ffmpeg', ['-v', 'error', '-i', 'call.wav', '-b:a', '64k', whole], { cwd: work_directory });
  const bytes = await readFile(whole);
  await writeFile(audio_path, bytes.fill(0xa5, bytes.length >> 2, bytes.length >> 1));
  const { signal } = new AbortController();
  const separated = await separateChannels({ audio_path, work_directory, signal });
  assert.deepEqual(
    separated?.warnings.map(({ code }) => code),
    ['audio_damaged'],
  );
  assert.deepEqual((await separateChannels({ audio_path: whole, work_directory, signal }))?.warnings, []);
});
