/** The real library with its smallest model, from the private environment. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { wav } from '../../test/processes/wav.ts';
import { transcribeChecked } from '../quality/checked-transcription.ts';
import type { OnSuspect } from '../quality/on-suspect.ts';
import { parseEngine } from './choose-engine.ts';
import type { EngineProgress } from './engine.ts';
import { PACKAGED_FASTER_WHISPER } from './faster-whisper.ts';
import { closedAfter, temporaryTask, wordErrorRate } from './testing.ts';

const RECORDING = new URL('../../examples/audio/house-viewing.wav', import.meta.url);

test('with its own environment and model it transcribes an example, with most words right', async (t) => {
  const engine = closedAfter(t, parseEngine(PACKAGED_FASTER_WHISPER));
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
  assert.equal(transcript.model, 'tiny.en');
  assert.match(transcript.engine_version ?? '', /^1\.\d+\.\d+/);
  assert.ok(transcript.segments.every(({ no_speech }) => no_speech !== undefined && no_speech < 0.6));
  assert.deepEqual(transcript.extra, { language_probability: 1 });
});

test('it invents text for a tone; that is suspect, and the second try, which looks for voices, says nothing', async (t) => {
  const engine = closedAfter(t, parseEngine(PACKAGED_FASTER_WHISPER));
  const task = await temporaryTask(t);
  const audio_path = join(task.work_directory, 'tone.wav');
  await writeFile(audio_path, wav(12));
  const { signal } = new AbortController();
  const transcribe = (onSuspect: OnSuspect) =>
    transcribeChecked(
      engine,
      { ...task, audio_path, duration_seconds: 12, batch_size: 1 },
      {
        signal,
        onSuspect,
        begin: () => ({ signal, onProgress: () => {}, ended: () => {} }),
        measure: () => assert.fail('it measures the audio itself'),
        onSecondTry: () => {},
      },
    );
  const kept = await transcribe('keep');
  assert.notEqual(kept.text, '');
  assert.deepEqual([kept.quality.suspect, kept.quality.reasons[0]?.code], [true, 'text_over_silence']);
  const retried = await transcribe('retry');
  assert.deepEqual([retried.text, retried.quality], ['', { suspect: false, reasons: [] }]);
});
