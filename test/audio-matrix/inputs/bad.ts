/** What is no recording, or has no sound. */
import { deflateRawSync } from 'node:zlib';
import { bytes, changed, encoded, type Input, refused } from '../input.ts';

const NOT_AUDIO = refused('not_audio');
const UNREADABLE = refused('not_audio', 'audio_unreadable');
const NO_TRACK = refused('no_audio_track');
const EMPTY = refused('audio_empty');

const HTML = '<!DOCTYPE html><html><head><title>404</title></head><body>The recording has expired.</body></html>\n';
const PDF =
  '%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n';
const VIDEO = '-f lavfi -i testsrc=size=160x120:rate=10:duration=2 -map 1';

/** A ZIP with one stored file, as an export of a telephone system may be. */
function zip(): Buffer {
  const name = Buffer.from('call.txt');
  const content = deflateRawSync('a call');
  const local = Buffer.alloc(30);
  local.writeUInt32LE(0x04034b50, 0);
  local.writeUInt16LE(20, 4);
  local.writeUInt16LE(8, 8);
  local.writeUInt32LE(content.length, 18);
  local.writeUInt32LE(6, 22);
  local.writeUInt16LE(name.length, 26);
  return Buffer.concat([local, name, content]);
}

/** The same on each run, and nothing that any format begins with. */
function noise(length: number): Buffer {
  let state = 0x2545f491;
  return Buffer.from(
    Array.from({ length }, () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state >>> 24;
    }),
  );
}

export const bad: readonly Input[] = [
  bytes('nothing.wav', 'no bytes', '', EMPTY),
  bytes('nothing.mp3', 'no bytes', '', EMPTY),
  changed(
    'header-only.wav',
    { from: 'wav', what: 'its header only' },
    (wav) => {
      const header = Buffer.from(wav.subarray(0, 44));
      header.writeUInt32LE(36, 4);
      header.writeUInt32LE(0, 40);
      return header;
    },
    EMPTY,
  ),
  changed(
    'half-a-header.wav',
    { from: 'wav', what: 'its first 20 bytes' },
    (wav) => wav.subarray(0, 20),
    refused('audio_empty', 'audio_truncated', 'audio_unreadable'),
  ),
  changed(
    'header-only.opus',
    { from: 'opus', args: '-c:a libopus', what: 'its first page' },
    (opus) => opus.subarray(0, 47),
    refused('audio_empty', 'audio_truncated', 'audio_unreadable'),
  ),
  changed(
    'header-only.webm',
    { from: 'webm', args: '-c:a libopus', what: 'its first 110 bytes' },
    (webm) => webm.subarray(0, 110),
    refused('audio_empty', 'audio_truncated', 'audio_unreadable'),
  ),
  changed(
    'no-index.m4a',
    { from: 'm4a', args: '-c:a aac', what: 'two thirds of it, without the index at its end' },
    (m4a) => m4a.subarray(0, 50_000),
    refused('audio_truncated', 'audio_unreadable'),
  ),
  bytes('error.wav', 'a page of HTML', HTML, NOT_AUDIO),
  bytes('error.mp3', 'a page of HTML', HTML, NOT_AUDIO),
  bytes('answer.mp3', 'JSON', '{"error":"AccessDenied","message":"Request has expired"}', NOT_AUDIO),
  bytes(
    'answer.wav',
    'XML of S3',
    '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>ExpiredToken</Code></Error>',
    NOT_AUDIO,
  ),
  bytes('notes.txt', 'text', 'Monday, nine o’clock: called about the house.\n', NOT_AUDIO),
  bytes('notes.wav', 'text', 'Monday, nine o’clock: called about the house.\n', NOT_AUDIO),
  bytes('list.m3u8', 'a playlist', '#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n', NOT_AUDIO),
  bytes('list.mp3', 'a playlist of ffmpeg', "ffconcat version 1.0\nfile '/etc/passwd'\n", NOT_AUDIO),
  bytes('calls.zip', 'a ZIP', zip(), NOT_AUDIO),
  bytes('calls.mp3', 'a ZIP', zip(), NOT_AUDIO),
  bytes('contract.pdf', 'a PDF', PDF, NOT_AUDIO),
  bytes('noise.wav', '64 KB of random bytes', noise(65_536), UNREADABLE),
  bytes('noise.mp3', '64 KB of random bytes', noise(65_536), UNREADABLE),
  bytes('zeros.wav', '64 KB of zeros', Buffer.alloc(65_536), UNREADABLE),
  encoded('picture.png', '-f lavfi -i testsrc=size=64x64 -map 1 -frames:v 1', refused('not_audio', 'no_audio_track')),
  encoded('picture.jpg', '-f lavfi -i testsrc=size=64x64 -map 1 -frames:v 1', refused('not_audio', 'no_audio_track')),
  encoded('silent-film.mp4', VIDEO, NO_TRACK),
  encoded('silent-film.mov', VIDEO, NO_TRACK),
  encoded('silent-film.mkv', VIDEO, NO_TRACK),
  encoded('silent-film.webm', `${VIDEO} -c:v libvpx`, NO_TRACK),
  encoded('silent-film.avi', VIDEO, NO_TRACK),
];
