/**
 * faster-whisper and openai-whisper: our scripts, run by a real Python, against stand-ins for the libraries
 * (testdata/python/), which are too large for a test. The stand-ins have the real calls' signatures, so a call that the
 * library would refuse fails here too.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { JobOptions } from '../../protocol/job-options.ts';
import { wav } from '../../test/processes/wav.ts';
import type { Engine, EngineProgress } from './engine.ts';
import { createFasterWhisper } from './faster-whisper.ts';
import { findProgram } from './find-program.ts';
import { createOpenaiWhisper } from './openai-whisper.ts';
import { bareInterpreter, closedAfter, temporaryTask } from './testing.ts';

const noFfmpeg = (await findProgram('ffmpeg')) === null && 'ffmpeg is not installed: apt-get install ffmpeg';
const run = promisify(execFile);
const STAND_INS = fileURLToPath(new URL('testdata/python/', import.meta.url));
const ENGINES = { 'faster-whisper': createFasterWhisper, 'openai-whisper': createOpenaiWhisper } as const;

/** A Python whose libraries are the stand-ins; with a program `ffmpeg` in its PATH, or with nothing there. */
async function pythonOf(t: TestContext, { ffmpeg = true } = {}): Promise<string> {
  const { work_directory } = await temporaryTask(t);
  const { stdout } = await run('python3', ['-c', 'import sys; print(sys.executable)']);
  const path = join(work_directory, 'python');
  const environment = `PYTHONPATH='${STAND_INS}' PYTHONDONTWRITEBYTECODE=1 PATH='${ffmpeg ? work_directory : ''}'`;
  await writeFile(path, `#!/bin/sh\n${environment} exec '${stdout.trim()}' "$@"\n`);
  await writeFile(join(work_directory, 'ffmpeg'), '#!/bin/sh\n');
  for (const program of [path, join(work_directory, 'ffmpeg')]) await chmod(program, 0o755);
  return path;
}

async function transcribe(
  t: TestContext,
  engine: Engine,
  {
    audio = 'audio.wav',
    bytes = wav(1),
    batch_size = 1,
    options = {},
  }: { audio?: string; bytes?: Buffer; batch_size?: number; options?: JobOptions } = {},
) {
  const task = await temporaryTask(t);
  const audio_path = join(task.work_directory, audio);
  await writeFile(audio_path, bytes);
  const progress: EngineProgress[] = [];
  const lengths: number[] = [];
  const transcript = await engine.transcribe(
    { ...task, audio_path, duration_seconds: null, batch_size, options },
    {
      signal: new AbortController().signal,
      onProgress: (step) => progress.push(step),
      onAudio: ({ duration_seconds }) => lengths.push(duration_seconds),
    },
  );
  // Both libraries of the tests read 70 seconds, whatever the file.
  assert.deepEqual([lengths, transcript.duration_seconds], [[70], 70]);
  return { transcript, progress };
}

test('faster-whisper: segments become a transcript, the end of each burst the progress', async (t) => {
  const engine = closedAfter(t, createFasterWhisper({ python: await pythonOf(t), language: 'en' }));
  assert.deepEqual(await engine.prepare(), { model: 'base', device: 'cpu', gpu_optimized: false, batch_size: 1 });
  const { transcript, progress } = await transcribe(t, engine);
  assert.equal(transcript.engine, 'faster-whisper base');
  assert.equal(transcript.language, 'en');
  assert.deepEqual(transcript.segments[1], {
    id: 1,
    start_seconds: 20,
    end_seconds: 45.5,
    text: 'one by one',
    confidence: 0.607,
    no_speech: 0.25,
  });
  assert.deepEqual(
    progress.map((step) => [step.percentage, step.current_chunk, step.total_chunks]),
    [
      [0, 0, 3],
      [98.57, 2, 3],
      [100, 3, 3],
    ],
  );
});

test('faster-whisper: a batch size above 1 decodes in batches of it, with times', async (t) => {
  const engine = closedAfter(t, createFasterWhisper({ python: await pythonOf(t), batch_size: 8 }));
  assert.equal((await engine.prepare()).batch_size, 8);
  const { transcript } = await transcribe(t, engine, { batch_size: 4 });
  assert.equal(transcript.segments[0]?.text, 'batches of 4, times');
  assert.equal(transcript.language, 'de');
});

test('faster-whisper: a model is named after its repository, or the directory that names it', async (t) => {
  const { work_directory } = await temporaryTask(t);
  const python = await pythonOf(t);
  for (const [path, name] of [
    ['models--Systran--faster-whisper-base/snapshots/0d3d19a32d3338f10357c0889762bd8d64bbdeba', 'faster-whisper-base'],
    ['my-german/model', 'my-german'],
    ['large-v3-ct2', 'large-v3-ct2'],
  ] as const) {
    const model = join(work_directory, path);
    await assert.rejects(createFasterWhisper({ python, model }).prepare(), { message: /there is no directory/ });
    await mkdir(model, { recursive: true });
    await assert.rejects(createFasterWhisper({ python, model }).prepare(), { message: /has no model\.bin/ });
    await writeFile(join(model, 'model.bin'), 'weights');
    const engine = closedAfter(t, createFasterWhisper({ python, model: `${model}/` }));
    assert.equal((await engine.prepare()).model, name);
  }
});

test('openai-whisper: its bar becomes the progress', async (t) => {
  const engine = closedAfter(t, createOpenaiWhisper({ python: await pythonOf(t) }));
  assert.deepEqual(await engine.prepare(), { model: 'base', device: 'cpu', gpu_optimized: false, batch_size: 1 });
  const { transcript, progress } = await transcribe(t, engine);
  assert.equal(transcript.text, 'window 0 window 1 window 2');
  assert.deepEqual([transcript.language, transcript.engine], ['de', 'openai-whisper base']);
  assert.deepEqual(
    progress.map((step) => [step.percentage, step.current_chunk]),
    [
      [0, 0],
      [42.86, 1],
      [85.71, 2],
      [100, 2],
    ],
  );
});

test('openai-whisper without ffmpeg is engine_missing before the first job', async (t) => {
  const engine = createOpenaiWhisper({ python: await pythonOf(t, { ffmpeg: false }) });
  await assert.rejects(engine.prepare(), { code: 'engine_missing', message: /ffmpeg/, hint: /install/ });
});

for (const [name, create] of Object.entries(ENGINES)) {
  test(`${name}: full GPU memory causes a retry with half the batch size`, async (t) => {
    const engine = closedAfter(t, create({ python: await pythonOf(t) }));
    await assert.rejects(transcribe(t, engine, { audio: 'huge.wav', batch_size: 8 }), {
      code: 'gpu_out_of_memory',
      retryable: true,
      retry_with: { batch_size: 4 },
    });
  });

  test(`${name}: undecodable audio is audio_unreadable, without a path`, { skip: noFfmpeg }, async (t) => {
    const engine = closedAfter(t, create({ python: await pythonOf(t) }));
    await assert.rejects(transcribe(t, engine, { bytes: Buffer.alloc(2000, 3) }), {
      code: 'audio_unreadable',
      retryable: false,
      message: /^[^/]*Invalid data found/,
    });
  });

  test(`${name}: a crash names the signal`, async (t) => {
    const engine = closedAfter(t, create({ python: await pythonOf(t) }));
    await assert.rejects(transcribe(t, engine, { audio: 'crash.wav' }), { code: 'engine_crashed', message: /SIGABRT/ });
  });

  test(`${name}: an exception is a crash with the end of its traceback`, async (t) => {
    const engine = create({ python: await pythonOf(t), model: 'absent' });
    await assert.rejects(engine.prepare(), {
      code: 'engine_crashed',
      message: /RuntimeError: Unable to open file 'model.bin'/,
    });
  });

  test(`${name}: a model or language that is not known is refused before the first job, with what to give`, async (t) => {
    const python = await pythonOf(t);
    for (const [options, message, hint] of [
      [{ model: 'nowhere' }, /nowhere/, /model= takes/],
      [{ language: 'xx' }, /does not know the language xx/, /a code like en or de/],
      [{ model: 'tiny.en', language: 'de' }, /does not know the language de/, /knows only en/],
    ] as const) {
      await assert.rejects(create({ python, ...options }).prepare(), {
        code: 'engine_choice_invalid',
        message,
        hint,
      });
    }
    assert.equal((await closedAfter(t, create({ python, language: 'de' })).prepare()).model, 'base');
  });

  test(`${name}: a Python without the library is engine_missing, with the command that installs it`, async (t) => {
    const engine = create({ python: await bareInterpreter(t) });
    await assert.rejects(engine.prepare(), { code: 'engine_missing', hint: new RegExp(`-m pip install ${name}`) });
  });

  test(`${name}: no Python is engine_missing`, async () => {
    await assert.rejects(create({ python: '/nowhere/python3' }).prepare(), {
      code: 'engine_missing',
      message: /ENOENT/,
    });
  });
}

test('the options of a job reach the library under its names, and words come back', async (t) => {
  const python = await pythonOf(t);
  const options = {
    task: 'translate',
    prompt: 'names',
    word_timestamps: true,
    temperature: 0.5,
    language: 'de-CH',
  } as const;
  const faster = closedAfter(t, createFasterWhisper({ python }));
  const { transcript } = await transcribe(t, faster, {
    options: { ...options, hotwords: 'words', engine_options: { beam_size: 2 } },
  });
  assert.equal(transcript.segments[0]?.text, 'translate as names, words at 0.5 with 2 beams');
  assert.equal(transcript.language, 'de');
  assert.deepEqual(transcript.segments[0]?.words, [
    { start_seconds: 0, end_seconds: 0.5, text: 'one', probability: 0.9 },
  ]);
  assert.equal(transcript.segments[0]?.no_speech, 0.25);

  const openai = closedAfter(t, createOpenaiWhisper({ python }));
  const second = (await transcribe(t, openai, { options })).transcript;
  assert.equal(second.segments[0]?.text, 'translate as names at 0.5');
  assert.equal(second.segments[1]?.words?.[0]?.text, 'window');
});

test('an option that the library or the model can not do fails the job, and is named', async (t) => {
  const python = await pythonOf(t);
  const engines = Object.values(ENGINES).map((create) => closedAfter(t, create({ python, model: 'tiny.en' })));
  for (const engine of engines) {
    for (const [options, message] of [
      [{ language: 'de' }, /does not know the language de/],
      [{ task: 'translate' }, /does not translate/],
      [{ engine_options: { beams: 5 } }, /no option beams/],
      [{ engine_options: { task: 'translate' } }, /no option task/],
    ] as const) {
      const run = transcribe(t, engine, { options });
      await assert.rejects(run, { code: 'option_not_supported', retryable: false, message });
    }
    assert.equal((await transcribe(t, engine, { options: { language: 'EN' } })).transcript.language, 'en');
  }
});

test('segments that come together are one step of progress, and an error of the library stays one', async (t) => {
  const program = `
import threading, worker_protocol
taken = threading.Event()
def segments():
    yield 1
    yield 2
    taken.wait()
    yield 3
    raise ValueError("out of tune")
try:
    for burst in worker_protocol.bursts(segments()):
        print(burst)
        taken.set()
except ValueError as error:
    print(error)
`;
  const { work_directory } = await temporaryTask(t);
  const script = join(work_directory, 'program.py');
  await writeFile(script, program);
  const PYTHONPATH = fileURLToPath(new URL('python/', import.meta.url));
  const { stdout } = await run('python3', [script], {
    env: { ...process.env, PYTHONPATH, PYTHONDONTWRITEBYTECODE: '1' },
  });
  assert.equal(stdout, '[1, 2]\n[3]\nout of tune\n');
});
