import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readDefaults } from './job-defaults.ts';
import { optionsOf } from './job-options.ts';

const engine = { name: 'whisper', options: ['language', 'word_timestamps', 'temperature'] as const };

test('the options of a job come before the defaults of the worker', () => {
  const defaults = readDefaults('language=de&word_timestamps=true&temperature=0.5', engine);
  assert.deepEqual(defaults, { language: 'de', word_timestamps: true, temperature: 0.5 });
  const given = { language: 'en', model: 'tiny.en' };
  assert.deepEqual(optionsOf({ given, defaults, engine, model: 'tiny.en' }), {
    language: 'en',
    word_timestamps: true,
    temperature: 0.5,
  });
  assert.deepEqual(optionsOf({ given: undefined, defaults: {}, engine, model: undefined }), {});
});

test('an option that the engine does not know, or another model, fails the job and is named', () => {
  for (const [given, message] of [
    [{ diarize: true }, /does not support the option diarize: it knows language/],
    [{ model: 'large-v3' }, /has the model tiny\.en, not large-v3/],
  ] as const) {
    assert.throws(() => optionsOf({ given, defaults: {}, engine, model: 'tiny.en' }), {
      code: 'option_not_supported',
      retryable: false,
      message,
    });
  }
});

test('what an engine does not do anyway may be asked for', () => {
  const given = { diarize: false, vad: false, channels: 'mix', task: 'transcribe', word_timestamps: false } as const;
  // It knows words, and is told.
  assert.deepEqual(optionsOf({ given, defaults: {}, engine, model: undefined }), { word_timestamps: false });
  for (const one of [{ channels: 'split' }, { task: 'translate' }] as const) {
    const run = () => optionsOf({ given: one, defaults: {}, engine, model: undefined });
    assert.throws(run, { code: 'option_not_supported' });
  }
});

test('defaults that can not be meant are refused at the start', () => {
  for (const [text, message] of [
    ['lang=de', /lang is not an option/],
    ['temperature=hot', /temperature must be number/],
    ['vad=true', /does not support the option vad/],
  ] as const) {
    assert.throws(() => readDefaults(text, engine), { code: 'engine_choice_invalid', message });
  }
});
