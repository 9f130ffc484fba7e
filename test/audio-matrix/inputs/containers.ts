/** Containers and codecs, as recorders, telephones, browsers, cameras and broadcast systems write them. */
import { encoded, type Input, MANY, transcribed } from '../input.ts';

/** `NAME: arguments of ffmpeg`; a telephone's codec, or one of a low rate, leaves fewer words. */
const CLEAR = `
pcm-u8.wav: -c:a pcm_u8
pcm-s24.wav: -c:a pcm_s24le
pcm-s32.wav: -c:a pcm_s32le
pcm-f32.wav: -c:a pcm_f32le
rf64.wav: -rf64 always
ima-adpcm.wav: -c:a adpcm_ima_wav
ms-adpcm.wav: -c:a adpcm_ms
yamaha-adpcm.wav: -c:a adpcm_yamaha
g722.wav: -c:a g722
mp3.wav: -c:a libmp3lame -b:a 32k
ac3.wav: -c:a ac3
wma.wav: -c:a wmav2
pcm.w64: -c:a pcm_s16le
ms-adpcm.w64: -c:a adpcm_ms
pcm.aiff: -c:a pcm_s16be
pcm-f32.aiff: -c:a pcm_f32be
ulaw.aiff: -c:a pcm_mulaw
pcm.au: -c:a pcm_s16be
pcm.caf: -c:a pcm_s16le
alac.caf: -c:a alac
opus.caf: -c:a libopus
cbr.mp3: -b:a 32k
vbr.mp3: -q:a 4
no-xing-cbr.mp3: -write_xing 0 -b:a 24k
id3.mp3: -id3v2_version 3 -metadata title=call -b:a 32k
layer2.mp2: -b:a 64k
aac.m4a: -c:a aac
alac.m4a: -c:a alac
ipod.m4b: -c:a aac -f ipod
mp3.mp4: -c:a libmp3lame
ac3.mp4: -c:a ac3
opus.mp4: -c:a libopus
flac.mp4: -c:a flac -strict -2
fragmented.mp4: -c:a aac -movflags frag_keyframe+empty_moov
faststart.mp4: -c:a aac -movflags +faststart
aac.mov: -c:a aac
pcm.mov: -c:a pcm_s16le
pcm-be.mov: -c:a pcm_s16be
alac.mov: -c:a alac
aac.3gp: -c:a aac
aac.3g2: -c:a aac
adts.aac: -c:a aac
latm.latm: -c:a aac -f latm
native.flac: -c:a flac
bits24.flac: -c:a flac -sample_fmt s32
flac.oga: -c:a flac
vorbis.ogg: -c:a libvorbis
opus.ogg: -c:a libopus
speex.ogg: -c:a libspeex
voice.opus: -c:a libopus -b:a 24k
speex.spx: -c:a libspeex
opus.webm: -c:a libopus
vorbis.webm: -c:a libvorbis
live.webm: -c:a libopus -live 1
pcm.mka: -c:a pcm_s16le
aac.mka: -c:a aac
opus.mka: -c:a libopus
alac.mka: -c:a alac
wavpack.mka: -c:a wavpack
pcm.avi: -c:a pcm_s16le
mp3.avi: -c:a libmp3lame
aac.flv: -c:a aac
mp3.flv: -c:a libmp3lame -ar 22050
nellymoser.flv: -c:a nellymoser
speex.flv: -c:a libspeex
wma2.wma: -c:a wmav2
mp3.asf: -c:a libmp3lame
aac.ts: -c:a aac
mp2.ts: -c:a mp2
ac3.ts: -c:a ac3
ac3.m2ts: -c:a ac3
mp2.mpg: -c:a mp2 -ar 44100
ac3.vob: -c:a ac3 -ar 48000
dolby.ac3: -c:a ac3
dolby.eac3: -c:a eac3 -ar 48000
dts.dts: -c:a dca -strict -2 -ar 48000
truehd.thd: -c:a truehd -strict -2 -ar 48000
tta.tta: -c:a tta
wavpack.wv: -c:a wavpack
pcm.voc: -c:a pcm_u8
pcm.sox: -c:a pcm_s32le
ac3.rm: -c:a ac3
pcm.nut: -c:a pcm_s16le
mp2.wtv: -c:a mp2
`;

const TELEPHONE = `
alaw.wav: -c:a pcm_alaw -ar 8000
ulaw.wav: -c:a pcm_mulaw -ar 8000
g726.wav: -c:a g726 -ar 8000
gsm.wav: -c:a libgsm_ms -ar 8000
g723.wav: -c:a g723_1 -ar 8000 -b:a 6300
alaw.au: -c:a pcm_alaw -ar 8000
ulaw.au: -c:a pcm_mulaw -ar 8000
ulaw.caf: -c:a pcm_mulaw -ar 8000
ulaw.mov: -c:a pcm_mulaw -ar 8000
ulaw.avi: -c:a pcm_mulaw -ar 8000
`;

const parsed = (list: string): [name: string, args: string][] =>
  list
    .trim()
    .split('\n')
    .map((line) => line.split(/: (.*)/s).slice(0, 2) as [string, string]);

const soxed = (name: string, args: string): Input => ({
  name,
  made: `sox ${args}`.trim(),
  make: (studio) => studio.sox(name.slice(name.lastIndexOf('.') + 1), args),
  expected: transcribed({ words: MANY }),
});

export const containers: readonly Input[] = [
  ...parsed(CLEAR).map(([name, args]) => encoded(name, args)),
  ...parsed(TELEPHONE).map(([name, args]) => encoded(name, args, transcribed({ words: MANY }))),
  soxed('phone.amr', '-r 8000 -t amr-nb'),
  {
    ...encoded('amr.3gp', '-c:a copy (of AMR by sox)', transcribed({ words: MANY })),
    make: async (studio) => studio.remux('3gp', await studio.sox('amr', '-r 8000 -t amr-nb'), 'amr'),
  },
];
