/** The decoder of faster-whisper's script, with the real PyAV, on recordings made by ffmpeg. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { temporaryDirectory } from '../../test/processes/tmon.ts';
import { findProgram } from './find-program.ts';
import { engineEnvironment } from './private-python.ts';

const absent = (await findProgram('ffmpeg')) === null && 'ffmpeg is not installed: apt-get install ffmpeg';
const run = promisify(execFile);
const SCRIPTS = fileURLToPath(new URL('python/', import.meta.url));

/** Prints a line for each file: seconds and codes of warnings, or the code of the failure. */
const PROGRAM = `
import sys
from read_audio import read_audio
from worker_protocol import Failure
for path in sys.argv[1:]:
    try:
        samples, warnings = read_audio(path, 16000)
        print(round(len(samples) / 16000, 2), *[warning["code"] for warning in warnings])
    except Failure as failure:
        print(failure.code)
`;

test('the Python SDK decodes with the same code, and opens the same formats', async () => {
  const copies = new URL('../../sdk/python/src/transcription_monitor/worker/', import.meta.url);
  for (const path of ['python/decode_audio.py', '../audio/ffmpeg-formats.json']) {
    const copy = new URL(path.slice(path.lastIndexOf('/') + 1), copies);
    const hint = `cp agent/engines/${path} sdk/python/src/transcription_monitor/worker/`;
    assert.equal(await readFile(copy, 'utf8'), await readFile(new URL(path, import.meta.url), 'utf8'), hint);
  }
});

test('tmon-worker of the Python package runs the same programs as tmon worker', async () => {
  const copies = new URL('../../sdk/python/src/transcription_monitor/worker_command/_engine/', import.meta.url);
  for (const name of ['hear.py', 'transcribe_faster_whisper.py', 'worker_protocol.py']) {
    const own = await readFile(new URL(`python/${name}`, import.meta.url), 'utf8');
    const hint = `cp agent/engines/python/${name} sdk/python/src/transcription_monitor/worker_command/_engine/`;
    assert.equal(await readFile(new URL(name, copies), 'utf8'), own, hint);
  }
});

test('all of a recording is decoded: every link, and what follows a damaged part', { skip: absent }, async (t) => {
  const { python } = await engineEnvironment('faster-whisper');
  const directory = temporaryDirectory(t);
  const at = (name: string) => join(directory, name);
  const bytes = (name: string) => readFile(at(name));
  const tone = 'sine=frequency=440:duration=3:sample_rate=16000';
  const outputs: readonly (readonly [name: string, ...options: string[]])[] = [
    ['a.mp3'],
    ['a.opus', '-c:a', 'libopus'],
    ['a.ogg'],
    ['b.ogg', '-ar', '44100', '-ac', '2'],
    ['a.flac'],
    ['a.mov', '-c:a', 'aac'],
  ];
  const targets = outputs.flatMap(([name, ...options]) => ['-map', '0:a', ...options, at(name)]);
  await run('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', tone, ...targets]);
  await run('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', 'testsrc=d=1:s=64x64', at('silent.mp4')]);

  const mp3 = await bytes('a.mp3');
  const scratched = (whole: Buffer) =>
    Buffer.from(whole).fill(0x55, Math.floor(whole.length / 3), Math.floor(whole.length / 2));
  const playlist = `#EXTM3U\n#EXTINF:3,\nfile://${at('a.mp3')}\n#EXT-X-ENDLIST\n`;
  const files: readonly (readonly [name: string, bytes: Buffer | string, seen: RegExp])[] = [
    ['concat.mp3', Buffer.concat([mp3, mp3]), /^6\.\d+$/],
    ['middle.mp3', mp3.subarray(300), /^(2\.9|3)\d*(\.\d+)?$/],
    ['scratched.mp3', scratched(mp3), /^2\.[3-9]/],
    ['scratched.opus', scratched(await bytes('a.opus')), /^(1.[5-9]|2)/], // a page is a second
    ['scratched.mp4', scratched(await bytes('a.mov')), /^(2\.[3-9]\d*|3(\.\d+)?) audio_damaged$/],
    ['chain.opus', Buffer.concat([await bytes('a.opus'), await bytes('a.opus')]), /^(5\.9|6)/],
    ['chain.ogg', Buffer.concat([await bytes('a.ogg'), await bytes('b.ogg'), await bytes('a.opus')]), /^(8\.9|9)/],
    ['a.mp4', await bytes('a.mov'), /^3/],
    ['named.wav', await bytes('a.flac'), /^3(\.0)?$/],
    ['playlist.mp3', playlist, /^audio_unreadable$/],
    ['concat.txt', `ffconcat version 1.0\nfile a.mp3\n`, /^audio_unreadable$/],
    ['noise', Buffer.alloc(5000, 0x91), /^audio_unreadable$/],
  ];
  for (const [name, content] of files) await writeFile(at(name), content);
  const names = [...files.map(([name]) => name), 'silent.mp4'];
  const environment = { ...process.env, PYTHONPATH: SCRIPTS, PYTHONDONTWRITEBYTECODE: '1' };
  const { stdout } = await run(python, ['-c', PROGRAM, ...names.map(at)], { env: environment });
  const seen = stdout.trim().split('\n');
  for (const [index, [name, , expected]] of files.entries()) assert.match(seen[index] ?? '', expected, name);
  assert.equal(seen.at(-1), 'no_audio_track');
});
