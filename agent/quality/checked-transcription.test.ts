import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Transcript } from '../../protocol/transcript.ts';
import { type Engine, EngineError, type TranscribeTask } from '../engines/engine.ts';
import { type CheckedOptions, transcribeChecked } from './checked-transcription.ts';
import { type Heard, SILENT_DB } from './heard.ts';

const TASK: TranscribeTask = { audio_path: '/a', duration_seconds: 60, work_directory: '/w', batch_size: 1 };
const SILENCE: Heard = { duration_seconds: 60, level_db: Array(120).fill(SILENT_DB), voice: [] };

const saying = (...texts: string[]): Transcript => ({
  ...{ text: texts.join(' '), language: 'en', duration_seconds: 60, engine: 'test' },
  segments: texts.map((text, id) => ({ id, start_seconds: id * 10, end_seconds: id * 10 + 2, text, confidence: null })),
});

/** An engine whose tries give these; `heard` is what it reports, undefined if it doesn't measure. */
function engineOf(tries: (Transcript | Error)[], { heard = SILENCE as Heard | undefined, second = true } = {}) {
  const tasks: TranscribeTask[] = [];
  const engine: Engine = {
    name: 'test',
    ...(second ? { second_try: 'with other options' } : {}),
    prepare: () => Promise.reject(new Error('not here')),
    async transcribe(task, options) {
      tasks.push(task);
      options.onProgress({ percentage: 50, current_chunk: 1, total_chunks: 2 });
      if (heard !== undefined) options.onHeard?.(heard);
      const result = tries[tasks.length - 1]!;
      if (result instanceof Error) throw result;
      return result;
    },
  };
  return { engine, tasks };
}

function optionsOf(more: Partial<CheckedOptions> = {}) {
  const said: string[] = [];
  const options: CheckedOptions = {
    signal: new AbortController().signal,
    onSuspect: 'retry',
    begin: () => ({
      signal: new AbortController().signal,
      onProgress: () => said.push('progress'),
      ended: (well) => said.push(well ? 'transcribed' : 'failed'),
    }),
    measure: async () => {
      said.push('measured');
      return SILENCE;
    },
    onSecondTry: ({ reasons }, what) => said.push(`${reasons.length} reasons, again ${what}`),
    ...more,
  };
  return { options, said };
}

test('a suspect transcript is tried again with other options, and the better one is delivered', async () => {
  const { engine, tasks } = engineOf([saying('You', 'You'), saying()]);
  const { options, said } = optionsOf();
  const transcript = await transcribeChecked(engine, TASK, options);
  assert.deepEqual([transcript.text, transcript.quality], ['', { suspect: false, reasons: [] }]);
  assert.deepEqual(
    tasks.map(({ second_try }) => second_try ?? false),
    [false, true],
  );
  const once = ['progress', 'transcribed'];
  assert.deepEqual(said, [...once, '2 reasons, again with other options', ...once]);
});

test('the first one is delivered, marked, if the second is no better or fails', async () => {
  for (const second of [saying('You', 'You', 'You'), new EngineError('engine_crashed', 'it crashed')]) {
    const { engine } = engineOf([saying('You'), second]);
    const transcript = await transcribeChecked(engine, TASK, optionsOf().options);
    assert.deepEqual([transcript.text, transcript.quality.suspect], ['You', true]);
  }
});

test('a good transcript, a worker that keeps suspect ones, and an engine without other options make one try', async () => {
  for (const [first, more, second] of [
    [saying(), {}, true],
    [saying('You'), { onSuspect: 'keep' }, true],
    [saying('You'), {}, false],
  ] as const) {
    const { engine, tasks } = engineOf([first], { second });
    const transcript = await transcribeChecked(engine, TASK, optionsOf(more).options);
    assert.deepEqual([tasks.length, transcript.quality.suspect], [1, first.text !== '']);
  }
});

test('the audio is measured only if the engine does not say what is heard', async () => {
  const { engine } = engineOf([saying()], { heard: undefined });
  // The default of a parameter takes the place of undefined.
  engine.transcribe = async () => saying('You');
  const { options, said } = optionsOf({ onSuspect: 'keep' });
  assert.equal((await transcribeChecked(engine, TASK, options)).quality.suspect, true);
  assert.ok(said.includes('measured'));
});

test('an abort during the second try ends the transcription with its reason', async () => {
  const stop = new AbortController();
  const { engine } = engineOf([saying('You'), new EngineError('engine_crashed', 'killed')]);
  const onSecondTry = () => stop.abort(new Error('cancelled'));
  await assert.rejects(
    transcribeChecked(engine, TASK, optionsOf({ signal: stop.signal, onSecondTry }).options),
    /cancelled/,
  );
});

test('the length of the decoded audio is the truth, unless the engine has measured it itself', async () => {
  const measured = { ...SILENCE, duration_seconds: 63.4567 };
  const lengthOf = async (transcript: Transcript, task: Partial<TranscribeTask>) => {
    const { engine } = engineOf([transcript], { heard: measured });
    return (await transcribeChecked(engine, { ...TASK, ...task }, optionsOf().options)).duration_seconds;
  };
  assert.equal(await lengthOf(saying(), {}), 63.457, 'the advice was wrong');
  assert.equal(await lengthOf(saying(), { duration_seconds: null }), 63.457, 'there was none');
  assert.equal(await lengthOf({ ...saying(), duration_seconds: 61 }, {}), 61, 'its transcript says it');
});
