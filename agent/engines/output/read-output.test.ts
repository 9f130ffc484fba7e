import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { excessOfExtra } from '../../../protocol/transcript-extra.ts';
import { readOutput } from './read-output.ts';
import { NotATranscript } from './written.ts';

const FACTS = { engine: 'test', duration_seconds: 20 };
const read = (text: string | Uint8Array) =>
  readOutput(typeof text === 'string' ? Buffer.from(text) : text, FACTS).transcript;
const testdata = (name: string) => readFileSync(new URL(`testdata/${name}`, import.meta.url));
const brief = (transcript: { segments: { start_seconds: number; end_seconds: number; text: string }[] }) =>
  transcript.segments.map(({ start_seconds, end_seconds, text }) => [start_seconds, end_seconds, text]);

const SPOKEN = [
  [0, 2.54, 'Hello, I am calling him out of the new computer.'],
  [3.04, 5.06, 'I ordered a new computer last week.'],
  [5.52, 6.92, 'The computer does not work.'],
];

const WITH_LANGUAGE = /^(openai-whisper|openai-verbose|whisperx|whisper-cpp|bom|nan)\.json$/;

for (const name of [
  'faster-whisper.json',
  'faster-whisper.ndjson',
  'openai-whisper.json',
  'openai-whisper.srt',
  'openai-whisper.vtt',
  'openai-whisper.tsv',
  'openai-verbose.json',
  'whisperx.json',
  'whisperx.srt',
  'whisperx.tsv',
  'whisper-cpp.json',
  'whisper-cpp.txt',
  'vosk.ndjson',
  'ffmpeg.vtt',
  'utf16.srt',
  'bom.json',
  'nan.json',
]) {
  test(`${name}: the segments are what was spoken`, () => {
    const transcript = read(testdata(name));
    assert.deepEqual(brief(transcript), SPOKEN);
    assert.equal(transcript.language, WITH_LANGUAGE.test(name) ? 'en' : null);
  });
}

test('transformers.json: an end that is null is the end of the audio', () => {
  assert.deepEqual(brief(read(testdata('transformers.json'))), [...SPOKEN.slice(0, 2), [5.52, 20, SPOKEN[2]![2]]]);
});

test('openai-whisper.txt: plain text is one segment over the whole audio', () => {
  const { segments } = read(testdata('openai-whisper.txt'));
  assert.deepEqual(
    segments.map(({ start_seconds, end_seconds }) => [start_seconds, end_seconds]),
    [[0, 20]],
  );
  for (const [, , text] of SPOKEN) assert.ok(segments[0]!.text.includes(text as string));
});

test('the confidence is the mean of the words or tokens if the segment has none', () => {
  const words = [
    { word: 'a', start: 0, end: 1, score: 0.4 },
    { word: 'b', start: 1, end: 2, score: 0.8 },
  ];
  const [spoken] = read(JSON.stringify({ segments: [{ text: 'a b', words }] })).segments;
  assert.deepEqual([spoken?.start_seconds, spoken?.end_seconds, spoken?.text, spoken?.confidence], [0, 2, 'a b', 0.6]);
  const tokens = [
    { text: ' a', p: 0.5 },
    { text: '[_TT_5]', p: 0 },
  ];
  const cpp = { transcription: [{ offsets: { from: 0, to: 1000 }, text: ' a', tokens }] };
  assert.equal(read(JSON.stringify(cpp)).segments[0]!.confidence, 0.5);
});

test('times may be texts, and missing ones follow from their neighbours', () => {
  const segments = [
    { start: '00:00:01.5', end: null, text: 'a' },
    { start: '2s', end: '1500ms', text: 'b' },
    { start: null, end: Number.NaN, text: 'c' },
    { start: '0:03,25', end: '00:00:04', text: 'd' },
    { start: 5, text: 'e' },
  ];
  assert.deepEqual(brief(read(JSON.stringify({ segments }))), [
    [1.5, 2, 'a'],
    [2, 2, 'b'],
    [2, 3.25, 'c'],
    [3.25, 4, 'd'],
    [5, 20, 'e'],
  ]);
});

test('OpenAI names languages; a code is kept', () => {
  for (const [given, code] of [
    ['english', 'en'],
    ['German', 'de'],
    ['de', 'de'],
    ['haw', 'haw'],
    ['auto', null],
    ['klingon', 'klingon'],
  ]) {
    assert.equal(read(JSON.stringify({ language: given, segments: [] })).language, code);
  }
});

test('words without segments, and lists without an object, are segments', () => {
  const words = [
    { word: 'Hello', start: 0, end: 0.5 },
    { word: 'there', start: 0.5, end: 1 },
  ];
  const expected = [
    [0, 0.5, 'Hello'],
    [0.5, 1, 'there'],
  ];
  for (const value of [{ text: 'Hello there', words }, words, { segments: [], text: '', words }]) {
    assert.deepEqual(brief(read(JSON.stringify(value))), expected);
  }
  assert.deepEqual(brief(read('[[0, 0.5, "Hello"], [1, 0, 0.5, 1, "there", [3, 4], -0.2]]')), expected);
});

test('lines of JSON may end with one that says the language, or repeats the text', () => {
  const line = '{"start": 1, "end": 2, "text": "one"}';
  const transcript = read(`${line}\n{"text": "one", "language": "de", "duration": 9}\n`);
  assert.deepEqual(brief(transcript), [[1, 2, 'one']]);
  assert.deepEqual([transcript.language, transcript.duration_seconds], ['de', 9]);
});

test('tags, notes, styles, settings and numbers of cues are not spoken', () => {
  const vtt = `WEBVTT - a title
Kind: captions

STYLE
::cue { color: red }

NOTE said twice

intro
00:01.000 --> 00:02.000 align:start position:10%
<v Ann><i>Salt</i> &amp; pepper
<00:00:01.500><c>x &lt; 3</c>

0:00:10.000 --> 0:00:11.500
late
`;
  assert.deepEqual(brief(read(vtt)), [
    [1, 2, 'Salt & pepper x < 3'],
    [10, 11.5, 'late'],
  ]);
  const tight = '7\n00:00:01,000 --> 00:00:02,000\none\n8\n00:00:03,000 --> 00:00:04,000\n42\n';
  assert.deepEqual(brief(read(tight)), [
    [1, 2, 'one'],
    [3, 4, '42'],
  ]);
});

test('a voice of WebVTT is the speaker; a cue with two is two segments', () => {
  const vtt = `WEBVTT

00:00.000 --> 00:10.000
<v Ann>Good morning.
<v.loud Ben &amp; Co>Hello, how are you?</v>

00:10.000 --> 00:11.000
nobody
`;
  assert.deepEqual(
    read(vtt).segments.map(({ speaker, text, start_seconds }) => [speaker, text, Math.round(start_seconds)]),
    [
      ['Ann', 'Good morning.', 0],
      ['Ben & Co', 'Hello, how are you?', 4],
      [undefined, 'nobody', 10],
    ],
  );
});

test('words, speakers, channels, languages and no_speech are kept, in the names of the usual programs', () => {
  const whisperx = {
    language: 'en',
    word_segments: [{ word: 'Hi' }],
    segments: [
      {
        ...{ start: 0, end: 2, text: ' Hi 42', speaker: 'SPEAKER_01' },
        words: [
          { word: 'Hi', start: 0, end: 0.5, score: 0.9, speaker: 'SPEAKER_01' },
          { word: '42', speaker: 'SPEAKER_00' },
        ],
      },
    ],
  };
  assert.deepEqual(read(JSON.stringify(whisperx)).segments, [
    {
      ...{ id: 0, start_seconds: 0, end_seconds: 2, text: 'Hi 42', confidence: 0.9, speaker: 'SPEAKER_01' },
      words: [
        { start_seconds: 0, end_seconds: 0.5, text: 'Hi', probability: 0.9, speaker: 'SPEAKER_01' },
        { start_seconds: 0.5, end_seconds: 2, text: '42', probability: null, speaker: 'SPEAKER_00' },
      ],
    },
  ]);
  const deepgram = {
    language: 'de',
    segments: [
      { start: 0, end: 1, text: 'a', speaker: 1, channel_index: [1, 2], language: 'english', no_speech_prob: 0.2 },
      { start: 1, end: 2, text: 'b', words: [{ word: 'b', speaker: 0 }], channel: 'right', language: 'de' },
      { start: 2, end: 3, text: 'c', speaker: null, channel: 'centre' },
    ],
  };
  assert.deepEqual(
    read(JSON.stringify(deepgram)).segments.map(({ speaker, channel, language, no_speech, extra }) => {
      return [speaker, channel, language, no_speech, extra];
    }),
    [
      ['Speaker 1', 1, 'en', 0.2, undefined],
      ['Speaker 0', 1, undefined, undefined, undefined],
      [undefined, undefined, undefined, undefined, { channel: 'centre' }],
    ],
  );
});

test("OpenAI's list of words is shared among the segments by time", () => {
  const verbose = {
    segments: [
      { start: 0, end: 1, text: 'Good morning.' },
      { start: 1, end: 2, text: 'Hello.' },
    ],
    words: [
      { word: 'Good', start: 0, end: 0.4 },
      { word: 'morning', start: 0.4, end: 1 },
      { word: 'Hello', start: 0.98, end: 1.5 },
    ],
  };
  assert.deepEqual(
    read(JSON.stringify(verbose)).segments.map(({ words }) => words?.map(({ text }) => text)),
    [['Good', 'morning'], ['Hello']],
  );
});

test('what has no place in a transcript is kept under extra, as far as it fits', () => {
  const segment = { start: 0, end: 1, text: 'a', temperature: 0.2, tokens: [1, 2], nothing: null, none: [], seek: 0 };
  const large = Array(8 * 1024).fill(1);
  const deep = JSON.parse(`${'['.repeat(20)}${']'.repeat(20)}`);
  const output = {
    ...{ model: 'large-v3', language_probability: 0.9, params: { beam_size: 5 }, deep, task: 'transcribe' },
    segments: [segment, { ...segment, tokens: large }],
  };
  const { model, extra, segments } = read(JSON.stringify(output));
  assert.equal(model, 'large-v3');
  assert.deepEqual(extra, { language_probability: 0.9, params: { beam_size: 5 }, task: 'transcribe' });
  assert.deepEqual(
    segments.map((one) => one.extra),
    [{ temperature: 0.2, tokens: [1, 2] }, { temperature: 0.2 }],
  );
});

test('the extra of all segments together is limited, too', () => {
  const fields = { note: 'x'.repeat(8000) };
  const segments = Array.from({ length: 1100 }, (_, at) => ({ start: at, end: at + 1, text: 'a', ...fields }));
  const transcript = read(JSON.stringify({ segments }));
  assert.equal(excessOfExtra(transcript), null);
  assert.deepEqual([transcript.segments[0]?.extra, transcript.segments.at(-1)?.extra], [fields, undefined]);
});

test("Audacity's labels are in seconds, Whisper's TSV in milliseconds", () => {
  assert.deepEqual(brief(read('0.000000\t2.500000\tone\n')), [[0, 2.5, 'one']]);
  assert.deepEqual(brief(read('start\tend\ttext\n0\t2500\tone\ttwo\n')), [[0, 2.5, 'one\ttwo']]);
  assert.deepEqual(brief(read('start\tend\ttext\n')), []);
});

test('what is spoken is never taken for data', () => {
  for (const text of [
    '[Music] Hello.',
    '[BLANK_AUDIO]',
    '[noise]',
    'He said: {"text": 1}',
    '5 apples\tand pears',
    'The arrow --> is in the middle.',
    '"quoted"',
  ]) {
    assert.deepEqual(brief(read(text)), [[0, 20, text]]);
  }
});

test('data that is not a transcript is refused with the reason', () => {
  const cases: [text: string | Uint8Array, reason: RegExp][] = [
    ['{"segments": [{"start": 0, "end": 1, "text": "x"}', /begins like JSON, but .*JSON/],
    ['{"segments": [{"start": 0, "end": 1, "te', /begins like JSON/],
    ['{"error": "CUDA is gone"}', /an error: "CUDA is gone"/],
    ['{"results": {"channels": []}}', /without segments or text; it has results/],
    ['{}', /it has nothing/],
    ['[1, 2]', /segment 1 is a number/],
    ['{"segments": [null]}', /segment 1 is null/],
    ['{"segments": [{"start": 0, "end": 1}]}', /segment 1 has no text/],
    ['{"segments": [{"start": "soon", "end": 1, "text": "x"}]}', /segment 1 has the time "soon"/],
    ['{"start": 0, "end": 1, "text": "a"}\n{"start": 1, "en', /line 2 is not JSON/],
    ['<?xml version="1.0"?><tt/>', /XML/],
    [Buffer.from([0x50, 0x4b, 3, 4, 0, 0, 0, 9, 0x41, 0x42]), /binary/],
  ];
  for (const [text, reason] of cases) {
    assert.throws(
      () => read(text),
      (error) => error instanceof NotATranscript && reason.test(error.message),
      String(text),
    );
  }
});

test('only JSON shows where it ends', () => {
  const ends = (text: string) => readOutput(Buffer.from(text), FACTS).ends;
  assert.deepEqual(['{"text": "x"}', 'x', '1\n00:00:01,000 --> 00:00:02,000\none\n'].map(ends), [true, false, false]);
});
