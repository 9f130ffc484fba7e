/** Recordings that are cut, joined, or begin with something else, and those within videos. */
import { CLEAN_SECONDS, changed, encoded, type Input, MOST, transcribed } from '../input.ts';

const join = (...parts: readonly Uint8Array[]): Buffer => Buffer.concat(parts);
const twice = (bytes: Buffer): Buffer => join(bytes, bytes);
const cutTo = (share: number) => (bytes: Buffer<ArrayBuffer>) => bytes.subarray(0, Math.floor(bytes.length * share));

const MP3 = { from: 'mp3', args: '-b:a 32k' };
/** About half of the words are in the first two thirds. */
const cut = transcribed({ words: 0.35, warnings: ['audio_truncated'] });
/** No header says how long these are, so nobody can know that they are cut. */
const shorter = transcribed({ words: 0.35 });
const both = transcribed({ words: MOST, seconds: 2 * CLEAN_SECONDS });

const VIDEO = '-f lavfi -i testsrc=size=160x120:rate=10:duration=7.6';

export const streamFaults: readonly Input[] = [
  changed('midframe.mp3', { ...MP3, what: 'without its first 200 bytes' }, (mp3) => mp3.subarray(200)),
  changed('zeros-first.mp3', { ...MP3, what: '2 KB of zeros before it' }, (mp3) => join(Buffer.alloc(2048), mp3)),
  changed('crlf-first.mp3', { ...MP3, what: 'CR LF before it' }, (mp3) => join(Buffer.from('\r\n'), mp3)),
  changed('damaged.mp3', { ...MP3, what: '300 bytes of zeros in the middle' }, (mp3) =>
    Buffer.from(mp3).fill(0, 15_000, 15_300),
  ),
  changed('tag-last.mp3', { ...MP3, what: 'an ID3v1 tag after it' }, (mp3) =>
    join(mp3, Buffer.from(`TAG${'call'.padEnd(125, ' ')}`)),
  ),
  changed('cut.mp3', { ...MP3, what: 'two thirds of it' }, cutTo(0.66), cut),
  changed(
    'cut-no-xing.mp3',
    { from: 'mp3', args: '-write_xing 0 -b:a 32k', what: 'two thirds of it' },
    cutTo(0.66),
    shorter,
  ),
  changed('twice.mp3', { ...MP3, what: 'two files in one' }, twice, both),
  changed('twice.aac', { from: 'aac', args: '-c:a aac', what: 'two files in one' }, twice),
  changed('cut.aac', { from: 'aac', args: '-c:a aac', what: 'two thirds of it' }, cutTo(0.66), shorter),
  changed('chained.opus', { from: 'opus', args: '-c:a libopus -b:a 24k', what: 'two files in one' }, twice, both),
  changed('chained.ogg', { from: 'ogg', args: '-c:a libvorbis', what: 'two files in one' }, twice, both),
  changed('cut.opus', { from: 'opus', args: '-c:a libopus -b:a 24k', what: 'two thirds of it' }, cutTo(0.66), cut),
  changed('cut.flac', { from: 'flac', what: 'two thirds of it' }, cutTo(0.66), cut),
  changed('cut.webm', { from: 'webm', args: '-c:a libopus', what: 'two thirds of it' }, cutTo(0.66), cut),
  changed(
    'cut-live.webm',
    { from: 'webm', args: '-c:a libopus -live 1', what: 'two thirds of it' },
    cutTo(0.66),
    shorter,
  ),
  changed(
    'cut-faststart.m4a',
    { from: 'm4a', args: '-c:a aac -movflags +faststart', what: 'two thirds of it' },
    cutTo(0.66),
    cut,
  ),
  {
    ...encoded('pipe.flac', '-f flac pipe:1'),
    make: (studio) => studio.pipe('-f flac'),
  },
  {
    ...encoded('pipe.mka', '-c:a libopus -f matroska pipe:1'),
    make: (studio) => studio.pipe('-c:a libopus -f matroska'),
  },
  {
    ...encoded('pipe.mp4', '-c:a aac -movflags frag_keyframe+empty_moov -f mp4 pipe:1'),
    make: (studio) => studio.pipe('-c:a aac -movflags frag_keyframe+empty_moov -f mp4'),
  },
  encoded('video.mp4', `${VIDEO} -c:v libx264 -c:a aac`),
  encoded('video.mov', `${VIDEO} -c:v libx264 -c:a pcm_s16le`),
  encoded('video.mkv', `${VIDEO} -c:v libx264 -c:a libvorbis`),
  encoded('video.webm', `${VIDEO} -c:v libvpx -c:a libopus`),
  encoded('video.avi', `${VIDEO} -c:v mpeg4 -c:a libmp3lame`),
  encoded('video.mpg', `${VIDEO} -r 25 -c:v mpeg2video -c:a mp2 -ar 44100`),
  encoded('video.ts', `${VIDEO} -c:v libx264 -c:a aac`),
  encoded('video.flv', `${VIDEO} -c:v flv1 -c:a libmp3lame -ar 44100`),
  encoded('video.wmv', `${VIDEO} -c:v wmv2 -c:a wmav2`),
  encoded('two-tracks.mka', '-map 0 -map 0 -c:a libopus'),
  encoded(
    'cover.mp3',
    '-f lavfi -i color=red:size=64x64:duration=0.1 -map 0 -map 1 -frames:v 1 -c:v png -b:a 32k -disposition:v attached_pic',
  ),
];
