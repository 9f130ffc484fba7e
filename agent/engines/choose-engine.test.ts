import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findEngine, parseEngine } from './choose-engine.ts';
import { closedAfter } from './testing.ts';

test('every engine is selected by name, with its options', () => {
  for (const [text, name] of [
    ['whisper.cpp', 'whisper.cpp'],
    ['whisper.cpp?model=/models/a%20b.bin&language=en&device=cpu', 'whisper.cpp'],
    ['faster-whisper?model=large-v3&device=cuda&compute_type=int8_float16&batch_size=16', 'faster-whisper'],
    ['faster-whisper?device=cuda:1', 'faster-whisper'],
    ['faster-whisper?device=cuda&device_index=0', 'faster-whisper'],
    ['openai-whisper?model=turbo&device=cuda:2', 'openai-whisper'],
    ['faster-whisper?jobs_per_process=500&memory_growth=1.5&idle=10m', 'faster-whisper'],
    ['pocketsphinx', 'pocketsphinx'],
    ['exec:my-transcriber {input} --url=http://x/?a=b --out {output}', 'exec'],
  ] as const) {
    assert.equal(parseEngine(text).name, name, text);
  }
});

test('an invalid choice lists the valid ones', () => {
  for (const [text, message, hint] of [
    ['whisper', /unknown engine "whisper"/, /whisper\.cpp, faster-whisper, openai-whisper, pocketsphinx/],
    ['', /unknown engine ""/, /pocketsphinx/],
    ['toString', /unknown engine "toString"/, /pocketsphinx/],
    ['whisper.cpp?modle=x', /has no option "modle"/, /model, language, device/],
    ['pocketsphinx?language=de', /has no option "language"/, /python/],
    ['faster-whisper?device=tpu', /device is tpu/, /device=cpu or device=cuda/],
    ['faster-whisper?device=cuda:', /device is cuda:/, /device=cuda:1 for one of several/],
    ['faster-whisper?device_index=-1', /device_index is -1/, /whole number of at least 0/],
    ['whisper.cpp?device=cuda:1', /device is cuda:1/, /CUDA_VISIBLE_DEVICES/],
    ['faster-whisper?batch_size=0', /batch_size is 0/, /whole number/],
    ['faster-whisper?batch_size=many', /batch_size is many/, /whole number/],
    ['faster-whisper?jobs_per_process=0', /jobs_per_process is 0/, /whole number/],
    ['openai-whisper?memory_growth=1', /memory_growth is 1/, /above 1/],
    ['pocketsphinx?idle=soon', /idle is soon/, /10m/],
    ['whisper.cpp?idle=10m', /has no option "idle"/, /stall_timeout/],
    ['exec:', /has no \{input\}/, /for example/],
  ] as const) {
    assert.throws(() => parseEngine(text), { code: 'engine_choice_invalid', message, hint }, text);
  }
});

test('the first working engine is used, and the skipped ones have reasons', async (t) => {
  const found = await findEngine([
    'whisper.cpp?program=/nowhere/whisper-cli',
    'openai-whisper?python=/nowhere/python3',
    'pocketsphinx',
  ]);
  closedAfter(t, found.engine);
  assert.equal(found.engine.name, 'pocketsphinx');
  assert.equal(found.capabilities.model, 'en-us');
  assert.equal(found.passed_over.length, 2);
  assert.match(found.passed_over[0]?.reason ?? '', /program \/nowhere\/whisper-cli not found/);
});

test('if none works, the error has every reason', async () => {
  await assert.rejects(
    findEngine(['whisper.cpp?program=/nowhere/whisper-cli', 'faster-whisper?python=/nowhere/python3']),
    {
      code: 'engine_missing',
      message: /whisper\.cpp.*\/nowhere\/whisper-cli.*faster-whisper.*\/nowhere\/python3/,
    },
  );
});
