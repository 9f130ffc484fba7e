import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { EngineError } from '../engines/engine.ts';
import { probeAudio } from './probe-audio.ts';
import { sniffAudio } from './sniff-audio.ts';

const TONES = new URL('testdata/', import.meta.url);

async function probe(t: TestContext, bytes: Uint8Array | string) {
  const directory = await mkdtemp(join(tmpdir(), 'tmon-probe-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const path = join(directory, 'audio');
  await writeFile(path, bytes);
  return probeAudio(path);
}

async function codeOf(t: TestContext, bytes: Uint8Array | string): Promise<string> {
  return probe(t, bytes).then(
    (facts) => `${facts.duration_seconds} s`,
    (error: unknown) => {
      assert.ok(error instanceof EngineError, String(error));
      assert.equal(error.retryable, false);
      return error.code;
    },
  );
}

/** So many seconds of 16 kHz mono silence, with chunks before the samples where given. */
function wav(seconds: number, form: { extra?: Buffer; promised?: number; extensible?: boolean } = {}): Buffer {
  const { extra = Buffer.alloc(0), promised = seconds * 32000, extensible = false } = form;
  const format = Buffer.alloc(extensible ? 40 : 16);
  format.writeUInt16LE(extensible ? 0xfffe : 1, 0);
  format.writeUInt16LE(1, 2);
  format.writeUInt32LE(16000, 4);
  format.writeUInt32LE(32000, 8);
  format.writeUInt16LE(2, 12);
  format.writeUInt16LE(16, 14);
  if (extensible) format.writeUInt16LE(1, 24);
  const samples = Buffer.alloc(seconds * 32000);
  const body = Buffer.concat([chunk('fmt ', format), extra, chunk('data', samples, promised)]);
  return Buffer.concat([Buffer.from('RIFF'), u32(body.length + 4), Buffer.from('WAVE'), body]);
}

function chunk(name: string, body: Buffer, size = body.length): Buffer {
  return Buffer.concat([Buffer.from(name), u32(size), body, Buffer.alloc(body.length % 2)]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

test('a WAV is as long as its samples, whatever chunks precede them', async (t) => {
  assert.deepEqual(await probe(t, wav(3)), { duration_seconds: 3, file_size_bytes: 96044, container: 'wav' });
  const odd = { extra: chunk('LIST', Buffer.from('odd')), extensible: true };
  assert.equal((await probe(t, wav(2, odd))).duration_seconds, 2);
});

test('a WAV written to a pipe has no size: its samples extend to the end', async (t) => {
  assert.equal((await probe(t, wav(2, { promised: 0xffffffff }))).duration_seconds, 2);
});

test('a WAV whose header promises more than the file has is audio_truncated, wherever the cut is', async (t) => {
  const whole = wav(2);
  for (const length of [whole.length - 1, 44 + 1000, 44, 43, 20, 12]) {
    assert.equal(await codeOf(t, whole.subarray(0, length)), 'audio_truncated', `cut at ${length}`);
  }
});

test('no bytes, and no samples, are audio_empty', async (t) => {
  assert.equal(await codeOf(t, ''), 'audio_empty');
  assert.equal(await codeOf(t, wav(0)), 'audio_empty');
});

test('a missing file is audio_not_found', async () => {
  await assert.rejects(probeAudio('/nowhere/at-all.wav'), { code: 'audio_not_found' });
});

test('a file that is not audio is audio_unreadable, and the message names its type', async (t) => {
  await assert.rejects(probe(t, '%PDF-1.7\n%âãÏÓ\n1 0 obj'), { code: 'audio_unreadable', message: /application\/pdf/ });
  await assert.rejects(probe(t, Buffer.concat([u32(0x14000000), Buffer.from('ftypheic'), Buffer.alloc(300)])), {
    code: 'audio_unreadable',
    message: /image\/heic/,
  });
  await assert.rejects(probe(t, 'Meeting notes, Tuesday'), { code: 'audio_unreadable', message: /text file/ });
  await assert.rejects(probe(t, '<!doctype html><title>Sign in'), { code: 'audio_unreadable', message: /document/ });
  await assert.rejects(probe(t, Buffer.from('7f454c460201010000', 'hex')), { code: 'audio_unreadable' });
  assert.equal(
    await codeOf(t, Buffer.concat([Buffer.from('RIFF'), u32(4), Buffer.from('WAVE'), Buffer.alloc(64)])),
    'audio_unreadable',
  );
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

test('every container is recognised by its content and measured', async (t) => {
  for (const [name, container] of KINDS) {
    const facts = await probe(t, await readFile(new URL(name, TONES)));
    assert.equal(facts.container, container, name);
    assert.ok(Math.abs(facts.duration_seconds - 2) < 0.15, `${name}: ${facts.duration_seconds} s`);
  }
});

test('the formats behind an ID3 tag and the rarer MPEG layers are recognised', async (t) => {
  const id3 = Buffer.from('49443304000000000010', 'hex');
  const tag = Buffer.concat([id3, Buffer.alloc(16)]);
  for (const name of ['tone.mp3', 'tone.aac', 'tone.flac'] as const) {
    const facts = await probe(t, Buffer.concat([tag, await readFile(new URL(name, TONES))]));
    assert.equal(facts.container, name.slice('tone.'.length), name);
    assert.ok(Math.abs(facts.duration_seconds - 2) < 0.15, `${name}: ${facts.duration_seconds} s`);
  }
});

test('every beginning of a known format is recognised', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'tmon-sniff-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  for (const [beginning, container] of [
    ['RF64\xff\xff\xff\xffWAVEds64', 'wav'],
    ['#!AMR\n', 'amr'],
    ['#!AMR-WB\n', 'amr'],
    ['\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c', 'asf'],
    ['\x00\x00\x00\x14ftyp3gp4', 'mp4'],
    ['\x00\x00\x00\x14ftypqt  ', 'mp4'],
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

test('a container with a length, cut to 60 %, is audio_truncated', async (t) => {
  for (const name of ['tone.mp3', 'tone.flac', 'tone.ogg', 'tone.opus', 'tone.m4a', 'tone.webm', 'tone.aiff']) {
    const whole = await readFile(new URL(name, TONES));
    assert.equal(await codeOf(t, whole.subarray(0, whole.length * 0.6)), 'audio_truncated', name);
  }
});

test('a file cut anywhere is either measured or an EngineError', async (t) => {
  for (const [name] of KINDS) {
    const whole = await readFile(new URL(name, TONES));
    for (let tenth = 0; tenth < 10; tenth++) await codeOf(t, whole.subarray(0, (whole.length * tenth) / 10));
  }
});
