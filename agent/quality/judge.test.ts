import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Transcript } from '../../protocol/transcript.ts';
import { type Heard, LEVEL_SECONDS, SILENT_DB } from './heard.ts';
import { isBetter, judge } from './judge.ts';

type Spoken = [start_seconds: number, end_seconds: number, text: string];

function transcriptOf(duration_seconds: number, ...spoken: Spoken[]): Transcript {
  const segments = spoken.map(([start_seconds, end_seconds, text], id) => ({
    ...{ id, start_seconds, end_seconds, text, confidence: null },
  }));
  return {
    text: spoken.map(([, , text]) => text).join(' '),
    language: 'en',
    duration_seconds,
    engine: 'test',
    segments,
  };
}

/** Speech in these spans, with its ups and downs, and silence elsewhere. */
function heardOf(duration_seconds: number, spans: [number, number][], { detector = true } = {}): Heard {
  const level_db = Array.from({ length: Math.ceil(duration_seconds / LEVEL_SECONDS) }, (_, at) => {
    const seconds = at * LEVEL_SECONDS;
    return spans.some(([from, to]) => seconds >= from && seconds < to) ? [-20, -28, -24, -40][at % 4]! : SILENT_DB;
  });
  return { duration_seconds, level_db, voice: detector ? spans : null };
}

const codes = (transcript: Transcript, heard: Heard | null) => judge(transcript, heard).reasons.map(({ code }) => code);
const BOTH = [{ detector: true }, { detector: false }];
const words = (count: number) => Array.from({ length: count }, (_, at) => `word${at}`).join(' ');

test('speech that is heard where the text is gives no reason', () => {
  const transcript = transcriptOf(60, [0, 10, words(20)], [12, 40, words(30)], [40, 59, 'The end.']);
  for (const how of BOTH) {
    assert.deepEqual(judge(transcript, heardOf(60, [[0, 59]], how)), { suspect: false, reasons: [] });
  }
  assert.deepEqual(judge(transcript, null), { suspect: false, reasons: [] }, 'nothing was measured');
});

test('text where it is silent is suspect, with its place', () => {
  const transcript = transcriptOf(90, [0, 10, words(10)], [30, 32, 'You'], [60, 62, 'Thank you for watching.']);
  for (const how of BOTH) {
    const { suspect, reasons } = judge(transcript, heardOf(90, [[0, 10]], how));
    assert.deepEqual([suspect, reasons.length], [true, 2]);
    assert.deepEqual(reasons[1], {
      code: 'text_over_silence',
      message: '“Thank you for watching.” at 1:00, where it is silent',
      start_seconds: 60,
      end_seconds: 62,
    });
  }
});

test('text over sound without a voice is suspect only with a detector', () => {
  const music = { ...heardOf(30, [[0, 30]]), voice: [] };
  const transcript = transcriptOf(30, [0, 29, 'You']);
  assert.deepEqual(codes(transcript, music), ['text_over_silence']);
  assert.deepEqual(codes(transcript, { ...music, voice: null }), []);
});

test('a segment may reach into a pause, and its times may be a second wrong', () => {
  const heard = heardOf(60, [
    [0, 10],
    [30, 40],
  ]);
  assert.deepEqual(codes(transcriptOf(60, [0, 29, words(20)], [29, 31, 'Hello.'], [40.5, 42, 'late']), heard), []);
});

test('speech of a low level is not silence', () => {
  const loud = heardOf(30, [[0, 30]]);
  const faint = { ...loud, level_db: loud.level_db.map((level) => level - 35), voice: null };
  assert.deepEqual(codes(transcriptOf(30, [0, 29, words(40)]), faint), []);
});

test('more text than can be said in the recording is suspect', () => {
  const text = "Thank you very much for watching and I'll see you in the next";
  assert.deepEqual(codes(transcriptOf(0.05, [0, 0.05, text]), heardOf(0.05, [[0, 0.05]])), ['text_over_silence']);
  assert.deepEqual(codes(transcriptOf(1, [0, 1, 'Yes, of course it is.']), heardOf(1, [[0, 1]])), []);
});

test('a loop is suspect: of segments, within one, and in scripts without spaces', () => {
  const same: Spoken[] = Array.from({ length: 6 }, (_, at) => [at * 2, at * 2 + 2, 'I will be right back.']);
  const [reason] = judge(transcriptOf(20, [0, 0.5, 'Well.'], ...same), null).reasons;
  assert.deepEqual(reason, {
    code: 'repetition',
    message: '“i will be right back” 6 times in a row, from 0:00',
    start_seconds: 0,
    end_seconds: 12,
  });
  assert.deepEqual(codes(transcriptOf(30, [0, 30, 'the '.repeat(40)]), null), ['repetition']);
  assert.deepEqual(codes(transcriptOf(30, [0, 30, '谢谢大家'.repeat(9)]), null), ['repetition']);
});

test('people repeat themselves, and that is no loop', () => {
  for (const text of [
    'No, no, no, no, no, no!',
    'ha ha ha ha ha ha ha ha ha ha',
    'one two one two one two one two mic check',
    'Yeah. Yeah. Yeah. That is right, yeah, yeah.',
    'Row, row, row your boat. Row, row, row your boat. Row, row, row your boat.',
  ]) {
    assert.deepEqual(codes(transcriptOf(30, [0, 30, text]), null), [], text);
  }
});

test('a text that ends long before the speech does is suspect', () => {
  for (const how of BOTH) {
    const [reason] = judge(transcriptOf(120, [0, 30, words(60)]), heardOf(120, [[0, 110]], how)).reasons;
    assert.deepEqual([reason?.code, reason?.start_seconds, reason?.end_seconds], ['ends_early', 30, 120]);
  }
  assert.deepEqual(codes(transcriptOf(60), heardOf(60, [[5, 55]])), ['ends_early'], 'no text at all');
});

test('silence, noise, a cough or a last word after the text are none of its business', () => {
  const transcript = transcriptOf(120, [0, 30, words(60)]);
  for (const how of BOTH) {
    assert.deepEqual(codes(transcript, heardOf(120, [[0, 30]], how)), []);
    assert.deepEqual(
      codes(
        transcript,
        heardOf(
          120,
          [
            [0, 30],
            [60, 63],
          ],
          how,
        ),
      ),
      [],
    );
  }
  const speech = heardOf(120, [[0, 30]], { detector: false });
  const noise = { ...speech, level_db: speech.level_db.map((level, at) => (at > 62 ? -22 + (at % 2) : level)) };
  assert.deepEqual(codes(transcript, noise), []);
});

test('segments after the end of the audio, and segments without a length, are suspect', () => {
  assert.deepEqual(codes(transcriptOf(60, [0, 10, 'a'], [70, 75, 'b']), null), ['times_outside']);
  assert.deepEqual(codes(transcriptOf(60, [0, 10, 'a'], [55, 62, 'b']), null), [], 'the last window is padded');
  const cut: Spoken[] = Array.from({ length: 5 }, (_, at) => [0.128, 0.128, `sentence ${at}`]);
  assert.deepEqual(codes(transcriptOf(16, ...cut), null), ['times_outside']);
});

test('the better of two transcripts has less of the recording against it', () => {
  const heard = heardOf(60, [[0, 10]]);
  const bad = judge(transcriptOf(60, [0, 10, words(9)], [20, 22, 'You'], [50, 52, 'You']), heard);
  const less = judge(transcriptOf(60, [0, 10, words(9)], [20, 22, 'You']), heard);
  const good = judge(transcriptOf(60, [0, 10, words(9)]), heard);
  assert.deepEqual(
    [isBetter(good, bad), isBetter(less, bad), isBetter(bad, less), isBetter(bad, bad)],
    [true, true, false, false],
  );
});
