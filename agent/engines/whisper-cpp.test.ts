/** whisper.cpp's adapter against a stand-in for its program (testdata/), whose output is that of the real one. */
import assert from 'node:assert/strict';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { wav } from '../../test/processes/wav.ts';
import type { EngineProgress } from './engine.ts';
import { temporaryTask } from './testing.ts';
import { createWhisperCpp, type WhisperCppOptions } from './whisper-cpp.ts';
import { findWhisperModel } from './whisper-cpp-model.ts';

const program = fileURLToPath(new URL('testdata/stand-in-whisper-cli.cjs', import.meta.url));
const RECORDING = new URL('../../examples/audio/lost-keys.wav', import.meta.url);
const never = new AbortController().signal;

async function setUp(t: TestContext, names: { model?: string; audio?: string; options?: WhisperCppOptions } = {}) {
  const task = await temporaryTask(t);
  const model = join(task.work_directory, names.model ?? 'ggml-base.bin');
  await writeFile(model, 'weights');
  const audio_path = join(task.work_directory, names.audio ?? 'audio.wav');
  await copyFile(RECORDING, audio_path);
  const progress: EngineProgress[] = [];
  const engine = createWhisperCpp({ program, model, ...names.options });
  const lengths: number[] = [];
  const options = {
    signal: never,
    onProgress: (step: EngineProgress) => progress.push(step),
    onAudio: ({ duration_seconds }: { duration_seconds: number }) => lengths.push(duration_seconds),
  };
  return {
    engine,
    progress,
    lengths,
    run: () => engine.transcribe({ ...task, audio_path, duration_seconds: null }, options),
  };
}

test('its JSON becomes a transcript: the length that it has read, confidence of words only', async (t) => {
  const { run, progress, lengths } = await setUp(t);
  const transcript = await run();
  assert.deepEqual(lengths, [97.4]);
  assert.deepEqual(transcript, {
    text: 'Hello a "tab " end',
    language: 'en',
    duration_seconds: 97.4,
    engine: 'whisper.cpp ggml-base.bin',
    model: 'ggml-base.bin',
    segments: [
      { id: 0, start_seconds: 0.1, end_seconds: 12.68, text: 'Hello', confidence: 0.5 },
      { id: 1, start_seconds: 23.54, end_seconds: 27.02, text: 'a "tab "', confidence: 0.3 },
      { id: 2, start_seconds: 81.32, end_seconds: 97.4, text: 'end', confidence: 1 },
    ],
  });
  assert.deepEqual(progress, [
    { percentage: 0, current_chunk: 0, total_chunks: 4 },
    { percentage: 27, current_chunk: 1, total_chunks: 4 },
    { percentage: 55, current_chunk: 2, total_chunks: 4 },
    { percentage: 83, current_chunk: 3, total_chunks: 4 },
    { percentage: 100, current_chunk: 4, total_chunks: 4 },
  ]);
});

test('it loads the model once before the first job, and reports the device', async (t) => {
  const onCpu = await setUp(t);
  assert.deepEqual(await onCpu.engine.prepare(), {
    model: 'ggml-base.bin',
    device: 'cpu',
    gpu_optimized: false,
    batch_size: 1,
  });
  const onGpu = await setUp(t, { model: 'ggml-gpu.bin' });
  assert.deepEqual(await onGpu.engine.prepare(), {
    model: 'ggml-gpu.bin',
    device: 'cuda',
    gpu_optimized: true,
    batch_size: 1,
  });
  const keptOff = await setUp(t, { model: 'ggml-gpu.bin', options: { device: 'cpu' } });
  assert.equal((await keptOff.engine.prepare()).device, 'cpu');
});

test('unreadable audio is audio_unreadable, although it exits with 0', async (t) => {
  const { engine } = await setUp(t);
  const task = await temporaryTask(t);
  const audio_path = join(task.work_directory, 'short.wav');
  await writeFile(audio_path, wav(0.001));
  const run = engine.transcribe({ ...task, audio_path }, { signal: never, onProgress: () => {} });
  await assert.rejects(run, { code: 'audio_unreadable', retryable: false });
});

test('full GPU memory is retryable', async (t) => {
  const { run } = await setUp(t, { model: 'ggml-huge.bin' });
  await assert.rejects(run(), { code: 'gpu_out_of_memory', retryable: true, retry_with: { batch_size: 2 } });
});

test('a crash names the signal, and a missing transcript is a crash', async (t) => {
  await assert.rejects((await setUp(t, { audio: 'crash.wav' })).run(), { code: 'engine_crashed', message: /SIGABRT/ });
  await assert.rejects((await setUp(t, { audio: 'lost.wav' })).run(), {
    code: 'engine_crashed',
    message: /no transcript/,
  });
});

test('a missing model is engine_missing, with a hint', async (t) => {
  const { engine } = await setUp(t, { options: { model: '/nowhere/ggml-base.bin' } });
  await assert.rejects(engine.prepare(), { code: 'engine_missing', message: /failed to open/, hint: /\?model=/ });
});

test('a missing program is engine_missing, with a hint', async (t) => {
  const { engine } = await setUp(t, { options: { program: 'whisper-cli-nowhere' } });
  await assert.rejects(engine.prepare(), { code: 'engine_missing', hint: /build whisper\.cpp/ });
});

test('an unsupported language is reported before the first job', async (t) => {
  const { engine } = await setUp(t, { options: { language: 'xx' } });
  await assert.rejects(engine.prepare(), { code: 'engine_choice_invalid', message: /does not support language xx/ });
});

test('the model that suits any machine is preferred in a directory, and a speech detection model is never used', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'tmon-models-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const found = async () => (await findWhisperModel(['/nowhere', directory]))?.slice(directory.length + 1);
  for (const [name, best] of [
    ['ggml-silero-v5.1.2.bin', undefined],
    ['ggml-mine.bin', 'ggml-mine.bin'],
    ['ggml-large-v3.bin', 'ggml-large-v3.bin'],
    ['ggml-small.bin', 'ggml-small.bin'],
    ['ggml-base.en.bin', 'ggml-base.en.bin'],
  ] as const) {
    await writeFile(join(directory, name), '');
    assert.equal(await found(), best);
  }
});
