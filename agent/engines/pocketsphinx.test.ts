import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { extent } from '../../test/thorough.ts';
import { probeAudio } from '../audio/probe-audio.ts';
import type { EngineProgress } from './engine.ts';
import { createPocketsphinx } from './pocketsphinx.ts';
import { bareInterpreter, closedAfter, temporaryTask, wordErrorRate } from './testing.ts';

const RECORDINGS = new URL('../../examples/audio/', import.meta.url);
const never = new AbortController().signal;

test('the example recordings become transcripts with most words right, in pieces, each reported', async (t) => {
  const engine = closedAfter(t, createPocketsphinx());
  const capabilities = await engine.prepare();
  assert.deepEqual(capabilities, { model: 'en-us', device: 'cpu', gpu_optimized: false, batch_size: 1 });

  for (const name of extent(['broken-computer', 'house-viewing', 'lost-keys'], ['house-viewing'])) {
    const task = await temporaryTask(t, fileURLToPath(new URL(`${name}.wav`, RECORDINGS)));
    const duration_seconds = (await probeAudio(task.audio_path)).duration_seconds ?? assert.fail('no length');
    const steps: EngineProgress[] = [];
    const transcript = await engine.transcribe(
      { ...task, duration_seconds },
      { signal: never, onProgress: (step) => steps.push(step) },
    );

    const errors = wordErrorRate(await readFile(new URL(`${name}.txt`, RECORDINGS), 'utf8'), transcript.text);
    assert.ok(errors < 0.25, `${name}: ${errors} of the words are wrong: ${transcript.text}`);
    assert.deepEqual([transcript.language, transcript.engine], ['en', 'pocketsphinx en-us']);
    assert.equal(transcript.duration_seconds, duration_seconds);

    assert.ok(transcript.segments.length >= 3);
    let after = 0;
    for (const segment of transcript.segments) {
      assert.ok(segment.start_seconds >= after && segment.end_seconds > segment.start_seconds, JSON.stringify(segment));
      assert.ok(segment.confidence !== null && segment.confidence > 0 && segment.confidence <= 1);
      after = segment.end_seconds;
    }
    assert.ok(after <= duration_seconds);

    assert.deepEqual(
      steps.map((step) => step.current_chunk),
      steps.map((_, index) => index),
    );
    const { total_chunks } = steps[0] ?? assert.fail('no progress');
    assert.deepEqual(steps.at(-1), { percentage: 100, current_chunk: total_chunks, total_chunks });
  }
});

test('silence is a transcript without words', async (t) => {
  const task = await temporaryTask(t);
  const source = await readFile(new URL('lost-keys.wav', RECORDINGS));
  const path = join(task.work_directory, 'silence.wav');
  const bytes = Buffer.concat([source.subarray(0, 44), Buffer.alloc(64000)]);
  bytes.writeUInt32LE(64000, 40);
  await writeFile(path, bytes);
  const transcript = await closedAfter(t, createPocketsphinx()).transcribe(
    { ...task, audio_path: path, duration_seconds: 2 },
    { signal: never, onProgress: () => {} },
  );
  assert.deepEqual([transcript.text, transcript.segments], ['', []]);
});

test('an abort in the middle ends the engine and rejects with the reason', async (t) => {
  const task = await temporaryTask(t, fileURLToPath(new URL('lost-keys.wav', RECORDINGS)));
  const stop = new AbortController();
  const reason = new Error('cancelled');
  const run = closedAfter(t, createPocketsphinx()).transcribe(task, {
    signal: stop.signal,
    onProgress: () => stop.abort(reason),
  });
  await assert.rejects(run, reason);
});

test('a Python without pocketsphinx is engine_missing, with the command that installs it', async (t) => {
  const engine = createPocketsphinx({ python: await bareInterpreter(t) });
  await assert.rejects(engine.prepare(), { code: 'engine_missing', hint: /pip install pocketsphinx/ });
});
