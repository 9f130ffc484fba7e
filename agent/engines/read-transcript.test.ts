import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assembleTranscript, readTranscriptJson, transcriptOfText } from './read-transcript.ts';

const facts = { engine: 'test', duration_seconds: 10 };

test('segments are sorted, trimmed, numbered, and held inside the audio', () => {
  const transcript = assembleTranscript(
    [
      { start_seconds: 4, end_seconds: 12.3456, text: ' two ', confidence: 1.2 },
      { start_seconds: -1, end_seconds: 3.00049, text: 'one', confidence: null },
      { start_seconds: 3, end_seconds: 4, text: ' \n', confidence: 0.5 },
      { start_seconds: 11, end_seconds: 9, text: 'three', confidence: 0.12345 },
    ],
    { ...facts, language: 'en' },
  );
  assert.equal(transcript.text, 'one two three');
  assert.deepEqual(transcript.segments, [
    { id: 0, start_seconds: 0, end_seconds: 3, text: 'one', confidence: null },
    { id: 1, start_seconds: 4, end_seconds: 10, text: 'two', confidence: 1 },
    { id: 2, start_seconds: 10, end_seconds: 10, text: 'three', confidence: 0.123 },
  ]);
});

test('JSON that is not a transcript is null', () => {
  const texts = [
    '',
    'plain text',
    '[]',
    'null',
    '42',
    '{}',
    '{"error": "no"}',
    '{"segments": [{"start": "0", "end": 1, "text": "x"}]}',
    '{"segments": [null]}',
  ];
  for (const text of texts) assert.equal(readTranscriptJson(text, facts), null, text);
});

test('JSON with only a text is one segment over the whole audio', () => {
  for (const json of ['{"text": "all", "language": "en"}', '{"text": "all", "language": "en", "segments": []}']) {
    const transcript = readTranscriptJson(json, facts);
    assert.deepEqual(transcript?.segments, [
      { id: 0, start_seconds: 0, end_seconds: 10, text: 'all', confidence: null },
    ]);
    assert.equal(transcript?.language, 'en');
  }
});

test('a transcript of silence has no segments', () => {
  assert.deepEqual(readTranscriptJson('{"segments": []}', facts)?.segments, []);
  assert.deepEqual(transcriptOfText('  \n', facts).segments, []);
});
