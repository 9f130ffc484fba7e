/**
 * The checks on what a real recogniser, faster-whisper with tiny.en, made of real and synthesised speech, silence, noise, tones
 * and music; see testdata/. It invents text in four of nine recordings without speech and in two with long pauses. The checks
 * find each of these places and no other, and the second try has none.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { assembleTranscript } from '../engines/read-transcript.ts';
import type { Heard } from './heard.ts';
import { judge } from './judge.ts';

type Segments = [start_seconds: number, end_seconds: number, text: string, confidence: number][];
type Recorded = Heard & { first: Segments; second: Segments };

const RECORDED: Record<string, Recorded> = JSON.parse(
  readFileSync(new URL('testdata/calibration.json', import.meta.url), 'utf8'),
);

/** The invented texts, and where. */
const INVENTED: Record<string, string[]> = {
  'silence-5s': ['0 You'],
  'silence-60s': ['0 You', '30 You'],
  'plucked-string-5s': ['0 You'],
  'long-pauses': ['60 Thank you for watching.'],
  'long-noisy-pauses': ['60 Thank you.'],
};
/** Dots alone, half of them after the end of the audio. */
const OUTSIDE = 'room-tone-60s';

function judged({ first, second, ...heard }: Recorded, which: 'first' | 'second', measured: Heard | null = heard) {
  const segments = (which === 'first' ? first : second).map(([start_seconds, end_seconds, text, confidence]) => ({
    ...{ start_seconds, end_seconds, text, confidence },
  }));
  // The times as they are: an assembled transcript would hide those outside.
  const duration_seconds = Math.max(heard.duration_seconds, ...segments.map(({ end_seconds }) => end_seconds));
  return judge(assembleTranscript(segments, { engine: 'test', duration_seconds, language: 'en' }), measured);
}

for (const [name, recorded] of Object.entries(RECORDED)) {
  test(`${name}: what was invented is found, and nothing else`, () => {
    const { reasons } = judged(recorded, 'first');
    if (name === OUTSIDE) {
      const codes = new Set(reasons.map(({ code }) => code));
      return assert.deepEqual(codes, new Set(['times_outside', 'text_over_silence']));
    }
    const found = reasons.map(({ code, message, start_seconds }) => {
      assert.equal(code, 'text_over_silence');
      return `${start_seconds} ${/“(.*)”/.exec(message)?.[1]}`;
    });
    assert.deepEqual(found, INVENTED[name] ?? []);
  });

  test(`${name}: with the options of the second try nothing is suspect`, () => {
    assert.deepEqual(judged(recorded, 'second').reasons, []);
  });

  test(`${name}: levels alone make no good text suspect`, () => {
    const { duration_seconds, level_db } = recorded;
    const { reasons } = judged(recorded, 'first', { duration_seconds, level_db, voice: null });
    if (!(name in INVENTED) && name !== OUTSIDE) assert.deepEqual(reasons, []);
  });
}
