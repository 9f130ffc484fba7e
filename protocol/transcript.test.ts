import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomOf } from '../test/random.ts';
import { confidenceScore, notesOn, renderTranscript, type Transcript, type TranscriptSegment } from './transcript.ts';

function transcriptOf(...segments: Omit<TranscriptSegment, 'id'>[]): Transcript {
  return {
    text: segments.map((segment) => segment.text).join(' '),
    language: 'en',
    duration_seconds: 60,
    engine: 'test',
    segments: segments.map((segment, id) => ({ id, ...segment })),
  };
}

function segment(start_seconds: number, end_seconds: number, text: string, confidence: number | null = null) {
  return { start_seconds, end_seconds, text, confidence };
}

const TWO = transcriptOf(segment(0, 1.5, 'Hello there.', 0.9), segment(3661.0426, 3662, 'Good bye.', 0.3));

test('json is the transcript itself', () => {
  assert.deepEqual(JSON.parse(renderTranscript(TWO, 'json')), TWO);
});

test('text has one line per segment', () => {
  assert.equal(renderTranscript(TWO, 'text'), 'Hello there.\nGood bye.\n');
});

test('without segments, text is the whole text', () => {
  assert.equal(renderTranscript({ ...transcriptOf(), text: 'all of it' }, 'text'), 'all of it\n');
});

test('srt counts from 1 and writes milliseconds after a comma', () => {
  assert.equal(
    renderTranscript(TWO, 'srt'),
    '1\n00:00:00,000 --> 00:00:01,500\nHello there.\n\n2\n01:01:01,043 --> 01:01:02,000\nGood bye.\n',
  );
});

test('vtt has its header and writes milliseconds after a point', () => {
  assert.equal(
    renderTranscript(TWO, 'vtt'),
    'WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nHello there.\n\n01:01:01.043 --> 01:01:02.000\nGood bye.\n',
  );
});

test('vtt escapes markup', () => {
  const rendered = renderTranscript(transcriptOf(segment(0, 1, 'a < b && c --> d')), 'vtt');
  assert.equal(rendered.split('\n')[3], 'a &lt; b &amp;&amp; c --&gt; d');
});

test('rounding never gives sixty seconds or a thousand milliseconds', () => {
  const rendered = renderTranscript(transcriptOf(segment(59.9996, 3599.9999, 'x')), 'srt');
  assert.match(rendered, /00:01:00,000 --> 01:00:00,000/);
});

test('hours above 99 take three digits', () => {
  assert.match(renderTranscript(transcriptOf(segment(360_000, 360_001, 'x')), 'vtt'), /100:00:00\.000 -->/);
});

test('any text keeps the formats valid: one cue of two lines per segment with words', () => {
  const random = randomOf(7);
  const alphabet = [
    'a',
    'b',
    ' ',
    '\n',
    '\r\n',
    '\n\n',
    '-->',
    '<i>',
    '&',
    '\u0000',
    '\u2028',
    '\u0085',
    '1',
    'ß',
    '🎧',
    'WEBVTT',
  ];
  for (let round = 0; round < 500; round++) {
    const texts = Array.from({ length: Math.floor(random() * 6) }, () =>
      Array.from({ length: Math.floor(random() * 8) }, () => alphabet[Math.floor(random() * alphabet.length)]).join(''),
    );
    const made = transcriptOf(...texts.map((text, at) => segment(at * random() * 100, at * random() * 100, text)));
    const spoken = texts.filter((text) => /[^\s\p{Cc}]/u.test(text)).length;

    const srt = renderTranscript(made, 'srt').trimEnd();
    const srtCues = srt === '' ? [] : srt.split('\n\n');
    assert.equal(srtCues.length, spoken);
    for (const [index, cue] of srtCues.entries()) {
      const [number, time, ...lines] = cue.split('\n');
      assert.equal(number, String(index + 1));
      assertForward(time, /^(\d{2,}:\d\d:\d\d,\d{3}) --> (\d{2,}:\d\d:\d\d,\d{3})$/);
      assert.equal(lines.length, 1);
      assert.doesNotMatch(lines[0] ?? '', /-->/);
    }

    const [header, ...vttCues] = renderTranscript(made, 'vtt').trimEnd().split('\n\n');
    assert.equal(header, 'WEBVTT');
    assert.equal(vttCues.length, spoken);
    for (const cue of vttCues) {
      const [time, ...lines] = cue.split('\n');
      assertForward(time, /^(\d{2,}:\d\d:\d\d\.\d{3}) --> (\d{2,}:\d\d:\d\d\.\d{3})$/);
      assert.equal(lines.length, 1);
      assert.doesNotMatch(lines[0] ?? '', /<|>|&(?!amp;|lt;|gt;)/);
    }
    assert.equal(renderTranscript(made, 'text').trimEnd().split('\n').filter(Boolean).length, spoken);
  }
});

test('the confidence score is the mean of the known ones, weighted by seconds', () => {
  assert.equal(confidenceScore(transcriptOf(segment(0, 3, 'a', 1), segment(3, 4, 'b', 0.2), segment(4, 9, 'c'))), 0.8);
});

test('the confidence score is null when no segment has one, and survives segments of no length', () => {
  assert.equal(confidenceScore(transcriptOf()), null);
  assert.equal(confidenceScore(transcriptOf(segment(0, 1, 'a'))), null);
  assert.equal(confidenceScore(transcriptOf(segment(1, 1, 'a', 0.5))), 0.5);
});

function assertForward(line: string | undefined, form: RegExp): void {
  const times = form.exec(line ?? '');
  assert.ok(times !== null, `not a time line: ${line}`);
  const [, from = '', to = ''] = times;
  assert.ok(from < to, `not forward: ${line}`);
}

test('the notes on a transcript are its warnings, then one reason of each kind; reasons count only if it is suspect', () => {
  const at = { start_seconds: 0, end_seconds: 60 };
  const warnings = [{ code: 'audio_truncated', message: 'it ends at 60 s' }];
  const reasons = [
    { code: 'repetition', message: 'at 3 s', ...at },
    { code: 'repetition', message: 'at 30 s', ...at },
  ];
  assert.deepEqual(notesOn({ warnings, quality: { suspect: true, reasons } }), {
    warnings: [...warnings, { code: 'repetition', message: 'at 3 s' }],
    suspect: true,
  });
  assert.deepEqual(notesOn({ warnings, quality: { suspect: false, reasons } }), { warnings, suspect: false });
  assert.deepEqual(notesOn(TWO), { warnings: [], suspect: false });
});
