import assert from 'node:assert/strict';
import { test } from 'node:test';
import { optionFacts } from './option-words.ts';

test('a job without options has none to show, and neither has one whose options are off', () => {
  assert.deepEqual(optionFacts({}), []);
  assert.deepEqual(optionFacts({ options: { diarize: false, channels: 'mix', task: 'transcribe' }, requires: {} }), []);
});

test('options and requirements are named in words', () => {
  const options = {
    model: 'large-v3',
    language: 'de',
    word_timestamps: true,
    channels: 'split',
    temperature: 0,
  } as const;
  assert.deepEqual(
    optionFacts({
      options: { ...options, engine_options: { beam_size: 5 } },
      requires: { device: 'cuda', tags: ['eu'] },
    }),
    [
      ['Model wanted', 'large-v3'],
      ['Language', 'de'],
      ['With', 'words, each channel by itself'],
      ['Temperature', '0'],
      ['For the engine', 'beam_size=5'],
      ['Worker needs', 'cuda, eu'],
    ],
  );
});
