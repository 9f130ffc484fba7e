/** Sample rates and channels. */
import { encoded, type Input, MANY, MOST, transcribed } from '../input.ts';

const WAV_RATES = [8000, 11025, 22050, 24000, 32000, 44100, 48000, 96000];
const MP3_RATES = [8000, 11025, 24000, 44100, 48000];

const at = (rate: number) => transcribed({ words: rate < 16_000 ? MANY : MOST });

export const rates: readonly Input[] = [
  ...WAV_RATES.map((rate) => encoded(`mono-${rate}.wav`, `-ar ${rate}`, at(rate))),
  ...MP3_RATES.map((rate) => encoded(`mono-${rate}.mp3`, `-ar ${rate}`, at(rate))),
  encoded('stereo-44100.wav', '-ac 2 -ar 44100'),
  encoded('stereo-48000.m4a', '-ac 2 -ar 48000 -c:a aac'),
  encoded('stereo.opus', '-ac 2 -c:a libopus'),
  encoded('surround.wav', '-af pan=5.1|FC=c0 -ar 48000'),
  encoded('surround.ac3', '-af pan=5.1|FC=c0 -ar 48000 -c:a ac3'),
  encoded('surround.flac', '-af pan=5.1|FC=c0 -c:a flac'),
  encoded('one-side.wav', '-af pan=stereo|FL=c0'),
  encoded('four-channels.wav', '-af pan=4.0|FC=c0'),
];
