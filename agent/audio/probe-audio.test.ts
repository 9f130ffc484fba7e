import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { EngineError } from '../engines/engine.ts';
import { findProgram } from '../engines/find-program.ts';
import { type ProbeOptions, probeAudio } from './probe-audio.ts';
import { sniffAudio } from './sniff-audio.ts';
import { buildWav, chunk, u32, type WavParts } from './testing-wav.ts';

const noFfmpeg = (await findProgram('ffmpeg')) === null && 'ffmpeg is not installed: apt-get install ffmpeg';
const TONES = new URL('testdata/', import.meta.url);

async function probe(t: TestContext, bytes: Uint8Array | string, options: ProbeOptions = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'tmon-probe-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const path = join(directory, 'audio');
  await writeFile(path, bytes);
  return probeAudio(path, options);
}

/** Two seconds of a tone, as ffmpeg writes it to a pipe or, if the format needs it, to a file. */
async function encode(t: TestContext, options: string[]): Promise<Buffer> {
  const directory = await mkdtemp(join(tmpdir(), 'tmon-probe-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const path = join(directory, 'made');
  const tone = ['-f', 'lavfi', '-i', 'sine=frequency=440:duration=2:sample_rate=16000'];
  const target = options.at(-1) === 'flac' && options.length === 2 ? 'pipe:1' : `file:${path}`;
  const args = ['-nostdin', '-v', 'error', ...tone, ...options, target];
  const { stdout } = await promisify(execFile)('ffmpeg', args, { encoding: 'buffer', maxBuffer: 16 * 1024 * 1024 });
  return stdout.length > 0 ? stdout : readFile(path);
}

async function codeOf(t: TestContext, bytes: Uint8Array | string, options: ProbeOptions = {}): Promise<string> {
  return probe(t, bytes, options).then(
    (facts) => `${facts.duration_seconds} s`,
    (error: unknown) => {
      assert.ok(error instanceof EngineError, String(error));
      assert.equal(error.retryable, false);
      return error.code;
    },
  );
}

/** So many seconds of 16 kHz mono silence. */
const wav = (seconds: number, parts: Partial<WavParts> = {}) =>
  buildWav({ samples: Buffer.alloc(seconds * 32_000), ...parts });

test('a WAV is as long as its samples, whatever chunks precede them', async (t) => {
  const { wav: _, ...facts } = await probe(t, wav(3));
  const known = { container: 'wav', extension: '.wav', warnings: [] };
  assert.deepEqual(facts, { duration_seconds: 3, file_size_bytes: 96_044, ...known });
  assert.equal((await probe(t, wav(2, { before: [chunk('LIST', Buffer.from('INFOodd'))] }))).duration_seconds, 2);
});

test('a WAV that does not know its size is as long as the file', async (t) => {
  for (const data_size of [0, 0x7fffffff, 0x7ffff000, 0x80000000, 0xffffffdb, 0xffffffff, 3200]) {
    const { duration_seconds, warnings } = await probe(t, wav(2, { data_size }));
    assert.deepEqual([duration_seconds, warnings], [2, []], `called ${data_size}`);
  }
});

test('a WAV whose header promises more than the file has is as long as the file, with a warning', async (t) => {
  const { duration_seconds, warnings } = await probe(t, wav(2).subarray(0, 44 + 32_000));
  assert.equal(duration_seconds, 1);
  const message = 'this wav promises 64000 bytes of samples, the file has 32000';
  assert.deepEqual(warnings, [{ code: 'audio_truncated', message }]);
});

test('the length of ADPCM comes from its blocks, not from the rate in its header', { skip: noFfmpeg }, async (t) => {
  for (const codec of ['adpcm_ima_wav', 'adpcm_ms']) {
    const { duration_seconds } = await probe(t, await encode(t, ['-c:a', codec, '-f', 'wav']));
    assert.ok(Math.abs(duration_seconds! - 2) < 0.1, `${codec}: ${duration_seconds}`);
  }
});

test('no bytes, and no samples, are audio_empty', async (t) => {
  assert.equal(await codeOf(t, ''), 'audio_empty');
  assert.equal(await codeOf(t, wav(0)), 'audio_empty');
  for (const length of [44, 43, 20, 12, 8]) assert.equal(await codeOf(t, wav(2).subarray(0, length)), 'audio_empty');
});

test('a missing file is audio_not_found', async () => {
  await assert.rejects(probeAudio('/nowhere/at-all.wav'), { code: 'audio_not_found' });
});

test('a file that is no recording is not_audio, and the message names its type', async (t) => {
  const picture = Buffer.concat([u32(0x14000000), Buffer.from('ftypheic'), Buffer.alloc(300)]);
  const id3 = Buffer.concat([Buffer.from('49443304000000000010', 'hex'), Buffer.alloc(16)]);
  const playlist = '#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n';
  for (const [bytes, message] of [
    ['%PDF-1.7\n%âãÏÓ\n1 0 obj', /application\/pdf/],
    [picture, /image\/heic/],
    ['PK\x03\x04\x14\0\0\0\b\0', /application\/zip/],
    ['Meeting notes, Tuesday', /a text file/],
    [Buffer.from('Gr\xfc\xdfe aus M\xfcnchen, wie geht es Ihnen?', 'latin1'), /a text file/],
    [Buffer.from('\ufeffMeeting notes', 'utf16le'), /a text file/],
    ['<!doctype html><title>Sign in', /a document/],
    ['{"error": "not found"}', /a document/],
    [playlist, /a playlist/],
    [Buffer.concat([id3, Buffer.from(playlist)]), /a playlist/],
    [Buffer.concat([Buffer.from(playlist), Buffer.alloc(10), Buffer.from('x')]), /a playlist/],
    ['ffconcat version 1.0\nfile /etc/hostname', /a playlist/],
    ['v=0\r\nc=IN IP4 10.0.0.1\r\nm=audio 5004 RTP/AVP 0', /a playlist/],
  ] as const) {
    await assert.rejects(probe(t, bytes), (error) => {
      assert.ok(error instanceof EngineError);
      assert.deepEqual([error.code, error.retryable], ['not_audio', false]);
      assert.match(error.message, message);
      assert.doesNotMatch(`${error.message} ${error.hint}`, /tmp/);
      return error.hint !== undefined;
    });
  }
});

test('bytes of an unknown kind are left to the engine', async (t) => {
  const unknown = { duration_seconds: null, container: null, extension: '', warnings: [] };
  const elf = Buffer.concat([Buffer.from('00010203040506', 'hex'), Buffer.alloc(3000, 0x91)]);
  for (const bytes of [elf, Buffer.concat([Buffer.from('RIFF'), u32(4), Buffer.from('WAVE'), Buffer.alloc(64)])]) {
    const { duration_seconds, warnings } = await probe(t, bytes);
    assert.deepEqual({ ...unknown, duration_seconds, warnings }, unknown);
  }
});

test('a video without sound is no_audio_track, with ffprobe and without it', { skip: noFfmpeg }, async (t) => {
  const movie = ['-f', 'lavfi', '-i', 'testsrc=d=1:s=64x64', '-map', '1:v', '-movflags', '+faststart'];
  for (const format of ['mp4', 'webm', 'avi']) {
    const bytes = await encode(t, [...movie, '-f', format]);
    assert.equal(await codeOf(t, bytes), 'no_audio_track', format);
    const without = await codeOf(t, bytes, { ffprobe: '/nowhere/ffprobe' });
    // Without ffprobe nothing knows what is in an AVI.
    assert.equal(without, format === 'avi' ? 'null s' : 'no_audio_track', format);
  }
});

const MADE: readonly (readonly [what: string, options: string[], container: string | null])[] = [
  ['QuickTime', ['-c:a', 'aac', '-f', 'mov'], 'mov'],
  ['3GP', ['-c:a', 'aac', '-f', '3gp'], '3gp'],
  ['FLAC of a pipe', ['-f', 'flac'], 'flac'],
  ['FLAC in Ogg', ['-c:a', 'flac', '-f', 'ogg'], 'ogg'],
  ['CAF', ['-f', 'caf'], 'caf'],
  ['AU', ['-f', 'au'], 'au'],
  ['Wave64', ['-f', 'w64'], 'w64'],
  ['AC-3', ['-f', 'ac3'], 'ac3'],
  ['AVI', ['-c:a', 'mp2', '-f', 'avi'], 'avi'],
  ['FLV', ['-ar', '22050', '-f', 'flv'], 'flv'],
  ['MPEG transport stream', ['-c:a', 'mp2', '-f', 'mpegts'], 'mpegts'],
  ['MPEG program stream', ['-c:a', 'mp2', '-f', 'mpeg'], 'mpeg'],
  ['MP3 in WAV', ['-c:a', 'mp3', '-f', 'wav'], 'wav'],
  ['RF64', ['-rf64', 'always', '-f', 'wav'], 'wav'],
  ['TTA', ['-f', 'tta'], null],
];

test('what ffmpeg reads is let through, and ffprobe knows its length', { skip: noFfmpeg }, async (t) => {
  for (const [what, options, container] of MADE) {
    const facts = await probe(t, await encode(t, options));
    assert.equal(facts.container, container, what);
    // A file that was written to a pipe may not say its length.
    const seconds = facts.duration_seconds ?? 2;
    assert.ok(Math.abs(seconds - 2) < 0.2, `${what}: ${seconds} s`);
  }
});

test('an MP3 that begins in the middle, after zeros or line breaks is let through', { skip: noFfmpeg }, async (t) => {
  const mp3 = await encode(t, ['-f', 'mp3']);
  for (const before of [Buffer.alloc(5000), Buffer.from('\r\n\r\n')]) {
    const facts = await probe(t, Buffer.concat([before, mp3]));
    assert.ok(Math.abs(facts.duration_seconds! - 2) < 0.2, `${facts.duration_seconds} s`);
  }
  const { duration_seconds } = await probe(t, mp3.subarray(300));
  assert.ok(Math.abs(duration_seconds! - 2) < 0.2, `${duration_seconds} s`);
});

const KINDS = [
  ['tone-live.webm', 'webm'],
  ['tone.mp3', 'mp3'],
  ['tone.flac', 'flac'],
  ['tone.ogg', 'ogg'],
  ['tone.opus', 'ogg'],
  ['tone.m4a', 'mp4'],
  ['tone.webm', 'webm'],
  ['tone.aac', 'aac'],
  ['tone.aiff', 'aiff'],
] as const;

test('every container is recognised by its content and measured, with ffprobe and without it', async (t) => {
  for (const [name, container] of KINDS) {
    for (const options of [{}, { ffprobe: '/nowhere/ffprobe' }]) {
      const facts = await probe(t, await readFile(new URL(name, TONES)), options);
      assert.equal(facts.container, container, name);
      assert.ok(Math.abs(facts.duration_seconds! - 2) < 0.15, `${name}: ${facts.duration_seconds} s`);
    }
  }
});

test('the formats behind an ID3 tag and the rarer MPEG layers are recognised', async (t) => {
  const id3 = Buffer.from('49443304000000000010', 'hex');
  const tag = Buffer.concat([id3, Buffer.alloc(16)]);
  for (const name of ['tone.mp3', 'tone.aac', 'tone.flac'] as const) {
    const facts = await probe(t, Buffer.concat([tag, await readFile(new URL(name, TONES))]));
    assert.equal(facts.container, name.slice('tone.'.length), name);
    assert.ok(Math.abs(facts.duration_seconds! - 2) < 0.15, `${name}: ${facts.duration_seconds} s`);
  }
});

test('every beginning of a known format is recognised', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'tmon-sniff-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  for (const [beginning, container] of [
    ['RF64\xff\xff\xff\xffWAVEds64', 'wav'],
    ['riff.\x91\xcf\x11', 'w64'],
    ['.snd', 'au'],
    ['caff\0\x01\0\0desc', 'caf'],
    ['#!AMR\n', 'amr'],
    ['#!AMR-WB\n', 'amr'],
    ['\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c', 'asf'],
    ['\x00\x00\x00\x14ftyp3gp4', '3gp'],
    ['\x00\x00\x00\x14ftypqt  ', 'mov'],
    ['\x00\x00\x00\x14ftypdash', 'mp4'],
    ['\xff\xfb\x90\x64', 'mp3'],
    ['\xff\xfd\x90\x64', 'mp3'],
    ['\xff\xe3\x18\xc4', 'mp3'],
    ['\xff\xf1\x50\x80\x02\x1f\xfc', 'aac'],
    ['FORM\x00\x00\x00\x00AIFC', 'aiff'],
    ['ID3\x04\x00\x00\x00\x00\x00\x10', 'mp3'],
    ['\x1aE\xdf\xa3', 'webm'],
    ['OggS', 'ogg'],
    ['wvpk', 'wavpack'],
    ['MAC ', 'ape'],
    ['DSD ', 'dsf'],
    ['MThd\x00\x00\x00\x06', null],
    ['\x7fELF', null],
  ] as const) {
    const path = join(directory, 'audio');
    await writeFile(path, Buffer.concat([Buffer.from(beginning, 'latin1'), Buffer.alloc(400)]));
    assert.equal((await sniffAudio(path)).container, container, beginning);
  }
});

test('a container with a length, cut to 60 %, is said to be truncated, with ffprobe and without it', async (t) => {
  for (const name of ['tone.mp3', 'tone.flac', 'tone.ogg', 'tone.opus', 'tone.m4a', 'tone.webm', 'tone.aiff']) {
    const whole = await readFile(new URL(name, TONES));
    for (const options of [{}, { ffprobe: '/nowhere/ffprobe' }]) {
      const { warnings } = await probe(t, whole.subarray(0, whole.length * 0.6), options);
      assert.deepEqual(
        warnings.map(({ code }) => code),
        ['audio_truncated'],
        name,
      );
    }
  }
});

test('an Ogg cut anywhere but between two pages is said to be truncated', async (t) => {
  const whole = await readFile(new URL('tone.ogg', TONES));
  const pages = new Set<number>();
  for (let at = whole.indexOf('OggS'); at >= 0; at = whole.indexOf('OggS', at + 1)) pages.add(at);
  const first = [...pages][2]!;
  for (let end = first + 1; end < Math.min(whole.length, first + 400); end++) {
    const { warnings } = await probe(t, whole.subarray(0, end), { ffprobe: '/nowhere/ffprobe' });
    assert.equal(warnings.length, pages.has(end) ? 0 : 1, `${end} of ${whole.length}`);
  }
});

test('a file cut anywhere is either let through or refused with a code', async (t) => {
  for (const [name] of KINDS) {
    const whole = await readFile(new URL(name, TONES));
    for (let tenth = 0; tenth < 10; tenth++) {
      await codeOf(t, whole.subarray(0, (whole.length * tenth) / 10), { ffprobe: '/nowhere/ffprobe' });
    }
  }
});
