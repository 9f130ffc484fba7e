import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { open, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { temporaryDirectory } from '../../test/processes/tmon.ts';
import { randomOf } from '../../test/random.ts';
import { findProgram } from '../engines/find-program.ts';
import { repairWav } from './repair-wav.ts';
import { buildWav, chunk, u32, type WavParts } from './testing-wav.ts';
import { readWav } from './wav-file.ts';

const absent = (await findProgram('ffmpeg')) === null && 'ffmpeg is not installed: apt-get install ffmpeg';
const run = promisify(execFile);

async function look(path: string, riff_offset = 0) {
  const file = await open(path);
  try {
    return await readWav(file, riff_offset);
  } finally {
    await file.close();
  }
}

/** The samples that ffmpeg reads after the repair. */
async function samplesOf(path: string, riff_offset = 0): Promise<Buffer> {
  const wav = await look(path, riff_offset);
  assert.ok(wav !== null && wav !== 'no_samples', String(wav));
  await repairWav(path, wav);
  const args = ['-nostdin', '-v', 'error', '-f', 'wav', '-i', path, '-map', '0:a', '-c', 'copy', '-f', 'data', '-'];
  const { stdout } = await run('ffmpeg', args, { encoding: 'buffer', maxBuffer: 64 * 1024 * 1024 });
  return stdout;
}

/** Below these lengths ffmpeg refuses the chunk, and the file with it. */
const BYTES: Record<string, number> = { LIST: 4, 'id3 ': 0, bext: 602, 'cue ': 4, iXML: 0, JUNK: 0, fact: 4 };

const FORMS = [
  { format: 1, bits: 16, channels: 1 },
  { format: 1, bits: 16, channels: 2 },
  { format: 1, bits: 24, channels: 1 },
  { format: 1, bits: 32, channels: 2 },
  { format: 3, bits: 32, channels: 1 },
  { format: 7, bits: 8, channels: 2 },
  { format: 1, bits: 8, channels: 2 },
];

/** Whole numbers below a limit. */
const below = (random: () => number) => (limit: number) => Math.floor(random() * limit);

function randomWav(random: (below: number) => number): { parts: WavParts; what: string } {
  const form = FORMS[random(FORMS.length)]!;
  const block = (form.bits / 8) * form.channels;
  const samples = Buffer.from(Array.from({ length: block * (1 + random(4000)) }, () => random(256)));
  const words = (length: number) => Buffer.from(Array.from({ length }, () => 0x20 + random(0x5f)));
  const some = (names: string[]) =>
    names
      .filter(() => random(3) === 0)
      .map((name) => chunk(name, words(BYTES[name]! + random(80)), { padded: random(3) > 0 }));
  const after = some(['LIST', 'id3 ', 'bext', 'cue ', 'iXML']);
  const lies = [
    samples.length,
    ...[0, 0x7fffffff, 0x7ffff000, 0x80000000, 0xffffffdb, 0xffffffff, 0x7fffffd4],
    random(samples.length),
    samples.length + 1 + random(2),
    samples.length + random(1_000_000),
  ];
  const data_size = lies[random(lies.length)]!;
  const before = some(['LIST', 'JUNK', 'fact']);
  const riff_size = [undefined, 0, 0xffffffff, random(0x7fffffff)][random(4)];
  const ds64 = random(8) === 0 ? data_size : undefined;
  const padded = random(2) === 0;
  const parts: WavParts = { form, samples, before, after, data_size, padded };
  if (riff_size !== undefined) parts.riff_size = riff_size;
  if (ds64 !== undefined) parts.ds64 = ds64;
  const what = `${JSON.stringify(form)}, ${samples.length} bytes called ${data_size}, ${before.length} before, ${after.length} after, ds64 ${ds64}`;
  return { parts, what };
}

test('a WAV of any lie is repaired to all of its samples and no others', { skip: absent }, async (t) => {
  const directory = temporaryDirectory(t);
  for (let seed = 1; seed <= 16; seed++) {
    const { parts, what } = randomWav(below(randomOf(seed)));
    const path = join(directory, `${seed}.wav`);
    await writeFile(path, buildWav(parts));
    const samples = await samplesOf(path);
    assert.ok(samples.equals(parts.samples), `seed ${seed}: ${samples.length} bytes of samples; ${what}`);
  }
});

test('the same holds for thousands, by the header alone', async (t) => {
  const path = join(temporaryDirectory(t), 'a.wav');
  for (let seed = 1_000; seed < 1_400; seed++) {
    const { parts, what } = randomWav(below(randomOf(seed)));
    const bytes = buildWav(parts);
    await writeFile(path, bytes);
    const wav = await look(path);
    assert.ok(wav !== null && wav !== 'no_samples', `seed ${seed}: ${wav}; ${what}`);
    const samples = bytes.subarray(wav.data_offset, wav.data_offset + wav.data_bytes);
    assert.ok(samples.equals(parts.samples), `seed ${seed}: ${samples.length} bytes of samples; ${what}`);
  }
});

test('a header that is right is left alone, with the chunks after the samples', async (t) => {
  const path = join(temporaryDirectory(t), 'a.wav');
  const bytes = buildWav({ samples: Buffer.alloc(3200, 7), after: [chunk('LIST', Buffer.from('INFOodd'))] });
  await writeFile(path, bytes);
  const wav = await look(path);
  assert.ok(wav !== null && wav !== 'no_samples' && !wav.wrong);
  await repairWav(path, wav);
  assert.deepEqual(await readFile(path), bytes);
});

test('zeros that fill the last block are no samples; more of them may be silence', async (t) => {
  const path = join(temporaryDirectory(t), 'a.wav');
  const whole = buildWav({ samples: Buffer.alloc(32_000, 7) });
  for (const [zeros, data_bytes, wrong] of [
    [4096, 32_000, false],
    [2, 32_000, false],
    [4098, 32_000 + 4098, true],
  ] as const) {
    await writeFile(path, Buffer.concat([whole, Buffer.alloc(zeros)]));
    const wav = await look(path);
    assert.ok(wav !== null && wav !== 'no_samples');
    assert.deepEqual([wav.data_bytes, wav.wrong], [data_bytes, wrong], `${zeros} zeros`);
  }
});

test('samples that are missing are counted, but not a last one, nor those of a header that knows no size', async (t) => {
  const path = join(temporaryDirectory(t), 'a.wav');
  const samples = Buffer.alloc(32_000, 7);
  for (const [data_size, missing_bytes] of [
    [32_000, 0],
    [32_001, 0],
    [32_002, 0],
    [64_000, 32_000],
    [0x7fffffff, 0],
    [0xffffffdb, 0],
  ] as const) {
    await writeFile(path, buildWav({ samples, data_size }));
    const wav = await look(path);
    assert.ok(wav !== null && wav !== 'no_samples');
    assert.deepEqual([wav.data_bytes, wav.missing_bytes], [32_000, missing_bytes], `called ${data_size}`);
  }
});

test('a header without samples has none, whatever follows it', async (t) => {
  const path = join(temporaryDirectory(t), 'a.wav');
  const whole = buildWav({ samples: Buffer.alloc(100) });
  const none = { samples: Buffer.alloc(0), after: [chunk('LIST', Buffer.from('INFO'))] };
  const all = [whole.subarray(0, 44), whole.subarray(0, 43), whole.subarray(0, 8), buildWav(none)];
  for (const bytes of [...all, buildWav({ ...none, data_size: 0xffffffff })]) {
    await writeFile(path, bytes);
    assert.equal(await look(path), 'no_samples', `${bytes.length} bytes`);
  }
});

test('a WAV behind an ID3 tag is moved to the beginning of its file', { skip: absent }, async (t) => {
  const path = join(temporaryDirectory(t), 'a.wav');
  const tag = Buffer.concat([Buffer.from('49443304000000000010', 'hex'), Buffer.alloc(16)]);
  const samples = Buffer.from(Array.from({ length: 8000 }, (_, n) => n % 251));
  await writeFile(path, Buffer.concat([tag, buildWav({ samples })]));
  assert.deepEqual(await samplesOf(path, tag.length), samples);
});

test('more than 4 GB, where a 32-bit size has wrapped, is all there', async (t) => {
  const path = join(temporaryDirectory(t), 'a.wav');
  const bytes = 5 * 1024 ** 3; // a sparse file: no room is used
  await writeFile(path, buildWav({ samples: Buffer.alloc(0), data_size: bytes % 2 ** 32, riff_size: 36 }));
  await truncate(path, 44 + bytes);
  const wav = await look(path);
  assert.ok(wav !== null && wav !== 'no_samples');
  assert.equal(wav.data_bytes, bytes);
  await repairWav(path, wav);
  const header = (await readFileStart(path, 44)).subarray(40);
  assert.deepEqual([header, (await stat(path)).size], [u32(0xffffffff), 44 + bytes]);
});

async function readFileStart(path: string, length: number): Promise<Buffer> {
  const file = await open(path);
  try {
    return (await file.read(Buffer.alloc(length), 0, length, 0)).buffer;
  } finally {
    await file.close();
  }
}
