import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assembleTranscript, readTranscriptJson, transcriptOfText } from './read-transcript.ts';

const facts = { engine: 'test', duration_seconds: 10 };

const SPOKEN = [
  { start_seconds: 4, end_seconds: 12.3456, text: ' two ', confidence: 1.2 },
  { start_seconds: -1, end_seconds: 3.00049, text: 'one', confidence: null },
  { start_seconds: 3, end_seconds: 4, text: ' \n', confidence: 0.5 },
  { start_seconds: 11, end_seconds: 9, text: 'three', confidence: 0.12345 },
];

test('segments are sorted, trimmed and numbered; a length that was only estimated changes no time', () => {
  const transcript = assembleTranscript(SPOKEN, { ...facts, language: 'en' });
  assert.equal(transcript.text, 'one two three');
  assert.equal(transcript.duration_seconds, 10);
  assert.deepEqual(transcript.segments, [
    { id: 0, start_seconds: 0, end_seconds: 3, text: 'one', confidence: null },
    { id: 1, start_seconds: 4, end_seconds: 12.346, text: 'two', confidence: 1 },
    { id: 2, start_seconds: 11, end_seconds: 11, text: 'three', confidence: 0.123 },
  ]);
});

test('of a measured length, a segment that begins before the end also ends there', () => {
  const { segments } = assembleTranscript(SPOKEN, { ...facts, measured: true, language: 'en' });
  assert.deepEqual(
    segments.map(({ start_seconds, end_seconds }) => [start_seconds, end_seconds]),
    [
      [0, 3],
      [4, 10],
      [11, 11],
    ],
  );
});

test('an unknown length is that of the last segment, or what the JSON says', () => {
  const unknown = { engine: 'test', duration_seconds: null };
  const segments = [{ start: 0, end: 2.5, text: 'x' }];
  assert.equal(readTranscriptJson(JSON.stringify({ segments }), unknown)?.duration_seconds, 2.5);
  const said = readTranscriptJson(JSON.stringify({ duration: 31.7, segments }), facts);
  assert.equal(said?.duration_seconds, 31.7);
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
