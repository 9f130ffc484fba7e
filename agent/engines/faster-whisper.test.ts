/** The real library with its smallest model, from the private environment. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseEngine } from './choose-engine.ts';
import type { EngineProgress } from './engine.ts';
import { PACKAGED_FASTER_WHISPER } from './faster-whisper.ts';
import { temporaryTask, wordErrorRate } from './testing.ts';

const RECORDING = new URL('../../examples/audio/house-viewing.wav', import.meta.url);

test('with its own environment and model it transcribes an example, with most words right', async (t) => {
  const engine = parseEngine(PACKAGED_FASTER_WHISPER);
  const capabilities = await engine.prepare();
  assert.deepEqual(capabilities, { model: 'tiny.en', device: 'cpu', gpu_optimized: false, batch_size: 1 });
  const task = await temporaryTask(t, fileURLToPath(RECORDING));
  const steps: EngineProgress[] = [];
  const transcript = await engine.transcribe(
    { ...task, duration_seconds: 15.9, batch_size: 1 },
    { signal: new AbortController().signal, onProgress: (step) => steps.push(step) },
  );
  const said = await readFile(fileURLToPath(RECORDING).replace('.wav', '.txt'), 'utf8');
  const errors = wordErrorRate(said, transcript.text);
  assert.ok(errors < 0.2, `${errors} of the words are wrong: ${transcript.text}`);
  assert.deepEqual([transcript.language, transcript.engine], ['en', 'faster-whisper tiny.en']);
  assert.equal(steps.at(-1)?.percentage, 100);
});
