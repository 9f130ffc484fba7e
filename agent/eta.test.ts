import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { randomOf } from '../test/random.ts';
import { Eta } from './eta.ts';
import { LearnedPace } from './learned-pace.ts';

const etaOf = (pace = new LearnedPace(), audio_seconds: number | null = 1000) =>
  new Eta({ started_ms: 0, audio_seconds, pace });

test('the time left is unknown before the first complete step, unless a pace is learned', () => {
  const eta = etaOf();
  assert.equal(eta.seconds(1000), null);
  eta.note(0, 0);
  eta.note(3, 10_000);
  assert.equal(eta.seconds(10_000), null, 'the step may still grow');
  assert.equal(eta.secondsAtMost(10_000), 323.3, 'or be known so far');
  assert.equal(eta.seconds(11_000), 322.3, 'its burst is over');
  const pace = new LearnedPace();
  pace.learn({ startup_ms: 2000, work_ms: 50_000, audio_seconds: 500 });
  assert.equal(etaOf(pace).seconds(0), 102, 'two seconds to start, and 1000 s of audio ten times as fast');
  assert.equal(etaOf(pace, null).seconds(0), null, 'the length of the audio is unknown');
});

test('at a steady pace the time left is proportional, and counts down between steps', () => {
  const eta = etaOf();
  eta.note(0, 0);
  eta.note(10, 10_000);
  eta.note(20, 20_000);
  assert.equal(eta.seconds(20_000), 80);
  assert.equal(eta.seconds(25_000), 75);
});

test('the segments of a window come in a burst, which is one step', () => {
  const eta = etaOf();
  eta.note(0, 0);
  for (const [percentage, at_ms] of [
    [0.4, 9000],
    [2, 9010],
    [5, 9020],
    [5.4, 18_000],
  ] as const)
    eta.note(percentage, at_ms);
  assert.equal(eta.seconds(18_000), 162, '5 % in 9 s, and not 0.4 %');
});

test('a changed pace counts after a few steps, whatever the mean since the start', () => {
  const eta = etaOf();
  for (let step = 1; step <= 10; step += 1) eta.note(step * 5, step * 60_000);
  for (let step = 1; step <= 6; step += 1) eta.note(50 + step * 5, 600_000 + step * 6_000);
  assert.equal(eta.seconds(636_000), 24, 'four steps of 6 s, not of 60 s');
});

test('the time left is never negative, and a step back is none', () => {
  const eta = etaOf();
  eta.note(0, 0);
  eta.note(50, 1000);
  eta.note(40, 2000);
  eta.note(60, 1300);
  eta.note(70, 1600);
  assert.equal(eta.seconds(1600), 0.7);
  assert.equal(eta.seconds(60_000), 0);
});

test('a job teaches the pace: its time to start, and its work per second of audio', () => {
  const pace = new LearnedPace();
  for (const begins of [true, false]) {
    const eta = etaOf(pace, 100);
    if (begins) eta.note(0, 5000);
    for (const step of [1, 2, 3, 4]) eta.note(step * 25, 5000 + step * 10_000);
    eta.learn(45_000);
    assert.deepEqual([pace.startup_ms, pace.work_ms(200)], [5000, 80_000]);
  }
});

type Trace = {
  audio_seconds: number;
  /** What the engine works on at once. */
  window_seconds: number;
  ended_ms: number;
  notes: (readonly [time_ms: number, percentage: number])[];
};

/** Nothing is heard of an engine within a window, and the work on one depends on what is said in it. */
const LAST_WINDOWS = 2;

/**
 * The worst error after the first 20 %, as a share of the time left; in the last two windows, of the work on two, and never
 * of less than a second.
 */
function worstOf({ audio_seconds, window_seconds, ended_ms, notes }: Trace, pace: LearnedPace): number {
  const eta = new Eta({ started_ms: 0, audio_seconds, pace });
  const from_ms = notes.find(([, percentage]) => percentage >= 20)?.[0] ?? ended_ms;
  const begun_ms = notes[0]![1] === 0 ? notes[0]![0] : 0;
  const last_ms = ((ended_ms - begun_ms) / audio_seconds) * Math.min(LAST_WINDOWS * window_seconds, audio_seconds);
  let worst = 0;
  let next = 0;
  for (let now_ms = 0; now_ms < ended_ms; now_ms += Math.max(100, ended_ms / 1000)) {
    for (; notes[next] !== undefined && notes[next]![0] <= now_ms; next++) eta.note(notes[next]![1], notes[next]![0]);
    const seconds = eta.seconds(now_ms);
    if (now_ms < from_ms || seconds === null) continue;
    const left_ms = ended_ms - now_ms;
    worst = Math.max(worst, Math.abs(seconds * 1000 - left_ms) / Math.max(left_ms, last_ms, 1000));
  }
  eta.learn(ended_ms);
  return worst;
}

/** Recorded by faster-whisper, in the time of its process or in counted work, so that no other process disturbs it. */
function recorded(name: string): Trace {
  const { audio_seconds, notes } = JSON.parse(readFileSync(new URL(`testdata/${name}.json`, import.meta.url), 'utf8'));
  return { audio_seconds, window_seconds: 30, notes, ended_ms: notes.at(-1)[0] };
}
const RECORDED = ['faster-whisper-171s', 'faster-whisper-521s'];

for (const name of RECORDED) {
  const trace = recorded(name);
  /** whisper.cpp reports whole percents at the ends of windows. */
  const likeWhisperCpp: Trace = {
    ...trace,
    notes: trace.notes
      .filter(([at_ms], at) => at === 0 || (trace.notes[at + 1]?.[0] ?? Number.POSITIVE_INFINITY) - at_ms > 100)
      .map(([at_ms, percentage]) => [at_ms, Math.floor(percentage)]),
  };
  for (const [what, one] of [
    ['as it is', trace],
    ['as whisper.cpp reports it', likeWhisperCpp],
  ] as const) {
    test(`${name}, ${what}: after the first 20 % the time left is never more than 25 % off`, (t) => {
      const pace = new LearnedPace();
      const errors = [1, 2].map(() => worstOf(one, pace));
      t.diagnostic(`first job ${errors[0]!.toFixed(3)}, second job ${errors[1]!.toFixed(3)}`);
      assert.ok(Math.max(...errors) <= 0.25, errors.join(', '));
    });
  }
}

/** Windows of 30 s, or batches of them; their work differs by a fifth; the segments of each come in a burst. */
function simulated(seed: number): Trace {
  const random = randomOf(seed);
  const window_seconds = 30 * (random() < 0.3 ? 8 : 1);
  const audio_seconds = window_seconds * (10 + random() * 200);
  const per_second_ms = 20 * 50 ** random();
  let at_ms = 500 + random() * 20_000;
  const notes: [number, number][] = random() < 0.5 ? [[at_ms, 0]] : [];
  for (let done = 0; done < audio_seconds; ) {
    const seconds = Math.min(window_seconds * (0.85 + random() * 0.15), audio_seconds - done);
    at_ms += seconds * per_second_ms * (0.9 + random() * 0.2);
    const segments = random() < 0.2 ? 1 : 2 + Math.floor(random() * 8);
    for (let segment = 1; segment <= segments; segment++) {
      notes.push([at_ms + segment, (100 * (done + (seconds * segment) / segments)) / audio_seconds]);
    }
    done += seconds;
  }
  return { audio_seconds, window_seconds, notes, ended_ms: at_ms + 20 };
}

test('simulated engines, steady: after the first 20 % the time left is never more than 25 % off', (t) => {
  const errors = Array.from({ length: 300 }, (_, seed) => worstOf(simulated(seed), new LearnedPace()));
  t.diagnostic(`worst ${Math.max(...errors).toFixed(3)}, median ${errors.sort((a, b) => a - b)[150]!.toFixed(3)}`);
  assert.ok(Math.max(...errors) <= 0.25, `${Math.max(...errors)}`);
});
