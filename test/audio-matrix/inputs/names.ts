/** The same recordings under names that say something else, or nothing. */
import { encoded, type Input } from '../input.ts';

const MADE = {
  aac: ['m4a', '-c:a aac'],
  mp3: ['mp3', '-b:a 32k'],
  wav: ['wav', '-c:a pcm_s16le'],
  opus: ['opus', '-c:a libopus -b:a 24k'],
  flac: ['flac', '-c:a flac'],
  webm: ['webm', '-c:a libopus'],
  mov: ['mov', '-c:a aac'],
} as const;

const WRONG = [
  ['aac', 'call.mp3'],
  ['aac', 'call.wav'],
  ['aac', 'call.ogg'],
  ['mp3', 'call.wav'],
  ['mp3', 'call.m4a'],
  ['mp3', 'call.ogg'],
  ['mp3', 'call.mp4'],
  ['wav', 'call.mp3'],
  ['wav', 'call.m4a'],
  ['opus', 'call.mp3'],
  ['opus', 'call.wav'],
  ['flac', 'call.mp3'],
  ['flac', 'call.wav'],
  ['webm', 'call.mp4'],
  ['webm', 'call.ogg'],
  ['webm', 'call.wav'],
  ['mov', 'call.mp3'],
  ['wav', 'call'],
  ['mp3', 'download.php'],
  ['mp3', 'notes.txt'],
  ['opus', 'PTT-20260101.WA0001'],
  ['wav', 'CALL.WAV'],
  ['mp3', "o'clock, 9 – été #1 & 100%.mp3"],
  ['mp3', `${'long'.repeat(60)}.mp3`],
] as const satisfies readonly [keyof typeof MADE, string][];

export const names: readonly Input[] = WRONG.map(([content, name]) => {
  const [end, args] = MADE[content];
  return { ...encoded(`x.${end}`, args), name, made: `ffmpeg ${args} (${end})` };
});
