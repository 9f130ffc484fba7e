/** `tmon-worker` of the Python package judges transcripts as `tmon worker` does. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Transcript } from '../../protocol/transcript.ts';
import { type Heard, LEVEL_SECONDS } from './heard.ts';
import { judge } from './judge.ts';

const FOLDER = fileURLToPath(new URL('../../sdk/python/src/transcription_monitor/worker_command/', import.meta.url));
const PROGRAM = `
import json, sys
sys.path.insert(0, sys.argv[1])
from quality import judge
for line in sys.stdin:
    transcript, heard = json.loads(line)
    print(json.dumps(judge(transcript["segments"], transcript["duration_seconds"], heard)))
`;
const CASES = 300;

test('Python and TypeScript say the same of random transcripts', () => {
  const random = randomOf(14);
  const cases = Array.from({ length: CASES }, () => randomCase(random));
  const input = cases.map((one) => `${JSON.stringify(one)}\n`).join('');
  const { stdout, stderr } = spawnSync('python3', ['-B', '-c', PROGRAM, FOLDER], {
    input,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  const said = stdout.trim().split('\n');
  assert.equal(said.length, CASES, stderr);
  const seen = new Set<string>();
  for (const [at, [transcript, heard]] of cases.entries()) {
    const quality = judge(transcript, heard);
    assert.deepEqual(JSON.parse(said[at]!), quality, JSON.stringify(cases[at]));
    for (const { code } of quality.reasons) seen.add(code);
  }
  assert.deepEqual([...seen].sort(), ['ends_early', 'repetition', 'text_over_silence', 'times_outside']);
});

type Random = (below: number) => number;

function randomCase(random: Random): [Transcript, Heard | null] {
  const duration_seconds = random(120_000) / 1000;
  const segments: Transcript['segments'] = [];
  let at = random(4);
  for (let id = 0; id < random(12); id += 1) {
    const start_seconds = Math.round(at * 1000) / 1000;
    at += random(4) === 0 ? 0 : random(10_000) / 1000;
    segments.push({
      id,
      start_seconds,
      end_seconds: Math.round(at * 1000) / 1000,
      text: randomText(random),
      confidence: null,
    });
    at += random(8) === 0 ? random(40) : 0;
  }
  const text = segments.map((segment) => segment.text).join(' ');
  const transcript = { text, language: 'en', duration_seconds, engine: 'test', segments };
  return [transcript, random(8) === 0 ? null : randomHeard(random, duration_seconds)];
}

function randomText(random: Random): string {
  const words = Array.from({ length: 1 + random(6) }, () => WORDS[random(WORDS.length)]!).join(' ');
  return random(4) === 0
    ? Array(5 + random(10))
        .fill(words)
        .join(random(2) === 0 ? ' ' : ', ')
    : words;
}

const WORDS = [
  'no',
  'You',
  "don't",
  'naïve',
  '谢谢',
  'ขอบคุณ',
  'カタカナ',
  'ひらがな',
  'Straße',
  '42',
  '–',
  'a',
  'и',
  'é',
];

function randomHeard(random: Random, duration_seconds: number): Heard {
  const loud = -10 - random(60);
  const voice: [number, number][] = [];
  for (let at = random(20); at < duration_seconds; at += random(30) + 1) {
    const end = Math.min(duration_seconds, at + random(20_000) / 1000);
    voice.push([at, end]);
    at = end;
  }
  const level_db = Array.from({ length: Math.ceil(duration_seconds / LEVEL_SECONDS) }, (_, half) => {
    const spoken = voice.some(([from, to]) => half / 2 >= from && half / 2 < to);
    return spoken ? loud - random(20) : random(10) === 0 ? loud - random(60) : -120;
  });
  return { duration_seconds, level_db, voice: random(3) === 0 ? null : voice };
}

/** Park and Miller's generator. */
function randomOf(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}
