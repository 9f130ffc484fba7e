import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomOf } from '../test/random.ts';
import { type Cue, cuesOf, LINE_COLUMNS_MAX, turnsOf } from './captions.ts';
import { renderTranscript, type TranscriptSegment, type TranscriptWord } from './transcript.ts';

const LONG =
  'When the train had left the station, nobody knew where the bag was. We looked under every seat, and in the end it was my brother who found it in the garden.';

const segment = (text: string, more: Partial<TranscriptSegment> = {}): TranscriptSegment => {
  return { id: 0, start_seconds: 10, end_seconds: 20, text, confidence: null, ...more };
};
const word = (text: string, start_seconds: number, more: Partial<TranscriptWord> = {}): TranscriptWord => {
  return { start_seconds, end_seconds: start_seconds + 0.5, text, probability: null, ...more };
};
const cues = (one: TranscriptSegment, named = false) => cuesOf({ segments: [one] }, { named });
const brief = (found: Cue[]) =>
  found.map(({ start_seconds, end_seconds, lines }) => [start_seconds, end_seconds, lines]);
const render = (format: 'srt' | 'vtt' | 'text', ...segments: TranscriptSegment[]) =>
  renderTranscript({ text: '', language: null, duration_seconds: 60, engine: 'test', segments }, format);

test('a short segment is a cue of one line; a longer one has two lines of about the same length', () => {
  assert.deepEqual(brief(cues(segment('Good morning.'))), [[10, 20, ['Good morning.']]]);
  assert.deepEqual(brief(cues(segment('I left my keys on the table next to the window in your office.'))), [
    [10, 20, ['I left my keys on the table next', 'to the window in your office.']],
  ]);
});

test('a long segment is split where a sentence or a clause ends; without words the time is shared by length', () => {
  const found = cues(segment(LONG));
  assert.deepEqual(
    found.map(({ lines }) => lines),
    [
      ['When the train had left the station,', 'nobody knew where the bag was.'],
      ['We looked under every seat,'],
      ['and in the end it was my brother', 'who found it in the garden.'],
    ],
  );
  const { length } = LONG.replaceAll(' ', '');
  const [first, second, third] = found as [Cue, Cue, Cue];
  assert.equal(first.start_seconds, 10);
  const share = 'Whenthetrainhadleftthestation,nobodyknewwherethebagwas.'.length / length;
  assert.ok(Math.abs(first.end_seconds - (10 + 10 * share)) < 1e-6);
  assert.ok(Math.abs(second.start_seconds - first.end_seconds) < 1e-6);
  assert.equal(third.end_seconds, 20);
});

test('words say when a cue begins and ends', () => {
  // Half a second each, without a pause; a pause of four seconds after the first sentence.
  const spoken = LONG.split(' ').map((text, at) => word(text, 10 + at * 0.2 + (at < 13 ? 0 : 4), { probability: 1 }));
  const words = spoken.map((one) => ({ ...one, end_seconds: one.start_seconds + 0.2 }));
  const [first, second] = cues(segment(LONG, { words, end_seconds: 30 }));
  assert.deepEqual([first!.end_seconds.toFixed(1), second!.start_seconds.toFixed(1)], ['12.6', '16.6']);
  // Words that are not those of the text say nothing.
  const others = words.slice(1);
  assert.equal(cues(segment(LONG, { words: others }))[1]!.start_seconds, cues(segment(LONG))[1]!.start_seconds);
});

test('who speaks is a voice in WebVTT, and the begin of each cue elsewhere', () => {
  const ann = segment('Hello.', { speaker: 'Ann <1> & co' });
  const left = segment('Good morning, this is the office of the train company, how can I help you today?', {
    channel: 0,
  });
  const both = segment('Yes.', { channel: 1, speaker: 'SPEAKER_00' });
  assert.equal(
    render('vtt', ann, left, both).replace(/^.*-->.*$/gm, '-->'),
    `WEBVTT

-->
<v Ann &lt;1&gt; &amp; co>Hello.

-->
<v Channel 0>Good morning, this is the office of the
train company, how can I help you today?

-->
<v Channel 1 SPEAKER_00>Yes.
`,
  );
  assert.equal(
    render('srt', left, both).replace(/^.*-->.*$/gm, '-->'),
    `1
-->
Channel 0: Good morning, this is
the office of the train company,

2
-->
Channel 0: how can I help you today?

3
-->
Channel 1 SPEAKER_00: Yes.
`,
  );
  assert.equal(render('text', ann, both), 'Ann <1> & co: Hello.\nChannel 1 SPEAKER_00: Yes.\n');
});

test('a segment in which two speak is a turn of each', () => {
  const words = [
    word('Hello', 10, { speaker: 'A' }),
    word('there.', 10.5, { speaker: 'A' }),
    word('Hi!', 15, { speaker: 'B' }),
  ];
  const one = segment('Hello there. Hi!', { words, speaker: 'A' });
  assert.deepEqual(turnsOf(one), [
    { voice: 'A', text: 'Hello there.', start_seconds: 10, end_seconds: 11 },
    { voice: 'B', text: 'Hi!', start_seconds: 15, end_seconds: 20 },
  ]);
  assert.equal(render('text', one), 'A: Hello there.\nB: Hi!\n');
});

test('a long name is cut, and leaves room for the text', () => {
  const speaker = 'The honourable member for the northern islands';
  const found = cues(segment(LONG, { speaker }), true);
  assert.ok(found.every(({ lines }) => lines[0]!.startsWith('The honourable member for the…:')));
  assertFits(found);
});

test('text without spaces, and words that are longer than a line, are broken', () => {
  const chinese =
    '火车离开车站的时候没有人知道那个包在哪里我们在每个座位下面都找过了最后是我的弟弟在花园里找到了它还有一把旧钥匙';
  const found = cues(segment(chinese));
  assertFits(found);
  assert.equal(found.flatMap(({ lines }) => lines).join(''), chinese);
  assert.ok(found.every(({ lines }) => lines.every((line) => line.length <= LINE_COLUMNS_MAX / 2)));
  assert.equal(turnsOf(segment(`a ${chinese}`))[0]?.text, `a ${chinese}`);
  assertFits(cues(segment(`see https://example.com/${'x'.repeat(200)} there`, { speaker: 'A' }), true));
});

test('an hour of text in one segment becomes cues of a few seconds', () => {
  const found = cues(segment(Array(400).fill(LONG).join(' '), { start_seconds: 0, end_seconds: 3600 }));
  assertFits(found);
  assert.ok(found.every(({ start_seconds, end_seconds }) => end_seconds - start_seconds < 9));
});

test('any segments: no line is too long, no word is lost, and no cue begins before the one before it', () => {
  const random = randomOf(11);
  const pieces = [
    'a',
    'the',
    'station,',
    'Geschwindigkeitsbegrenzung',
    'end.',
    '你好世界',
    '🎧',
    'e\u0301',
    'x'.repeat(60),
    '“so?”',
  ];
  for (let round = 0; round < 150; round++) {
    const said = Array.from(
      { length: 1 + Math.floor(random() * 40) },
      () => pieces[Math.floor(random() * pieces.length)]!,
    );
    const speakers = ['A', 'B', undefined];
    const words = said.map((text, at) => {
      const speaker = speakers[Math.floor(random() * 3)];
      return word(text, at * random(), speaker === undefined ? {} : { speaker });
    });
    const known = random() < 0.5 ? { words } : {};
    const named = random() < 0.5;
    const found = cues(segment(said.join(' '), { ...known, start_seconds: 0, end_seconds: random() * 60 }), named);
    assertFits(found);
    const texts = found.flatMap(({ lines, voice }) =>
      named && voice !== null ? lines.join(' ').replace(`${voice}: `, '') : lines.join(' '),
    );
    assert.equal(texts.join('').replaceAll(' ', ''), said.join(''));
    for (const [at, { start_seconds, end_seconds }] of found.entries()) {
      assert.ok(start_seconds < end_seconds);
      assert.ok(start_seconds >= (found[at - 1]?.start_seconds ?? 0));
    }
  }
});

function assertFits(found: Cue[]): void {
  for (const { lines } of found) {
    assert.ok(lines.length === 1 || lines.length === 2, `${lines.length} lines`);
    for (const line of lines) assert.ok([...line.normalize()].length <= LINE_COLUMNS_MAX, line);
  }
}
