/** WAV headers that do not describe their file, as recorders, streams and telephone systems leave them. */
import { CLEAN_SECONDS, changed, encoded, type Input, MANY, transcribed } from '../input.ts';

const RIFF_SIZE_AT = 4;
const BYTE_RATE_AT = 28;
const BLOCK_ALIGN_AT = 32;
const DATA_AT = 36;
const DATA_SIZE_AT = 40;
const BYTES_PER_SECOND = 32_000;

/** All of the file must be transcribed. */
const whole = transcribed({ seconds: CLEAN_SECONDS });

type Bytes = Buffer<ArrayBuffer>;

const clean = (name: string, what: string, change: (bytes: Bytes) => Uint8Array, expected = whole): Input =>
  changed(name, { from: 'wav', what }, change, expected);

function put(bytes: Bytes, ...values: readonly [at: number, value: number][]): Bytes {
  const copy = Buffer.from(bytes);
  for (const [at, value] of values) copy.writeUInt32LE(value, at);
  return copy;
}

const chunk = (name: string, size: number, content = Buffer.alloc(size)): Buffer => {
  const head = Buffer.alloc(8);
  head.write(name, 'latin1');
  head.writeUInt32LE(size, 4);
  return Buffer.concat([head, content, Buffer.alloc(size % 2)]);
};

/** ID3v2.3 with one comment of zeros, as tagging programs put before any file. */
const ID3 = Buffer.concat([Buffer.from('ID3\x03\0\0\0\0\x01\x00', 'latin1'), Buffer.alloc(128)]);

/** Of streams, of recorders that died, of sizes that wrapped at 4 GB. */
const SIZES = [0, 0x7fffffff, 0x7ffff000, 0x7fffffdb, 0x80000000, 0xffffffdb, 0xffffffff];

const hex = (value: number): string => `0x${value.toString(16)}`;

export const wavFaults: readonly Input[] = [
  ...SIZES.map((size) =>
    clean(`data-${hex(size)}.wav`, `size of the data ${hex(size)}`, (wav) => put(wav, [DATA_SIZE_AT, size])),
  ),
  clean('sizes-0.wav', 'all sizes 0', (wav) => put(wav, [RIFF_SIZE_AT, 0], [DATA_SIZE_AT, 0])),
  clean('riff-0.wav', 'size of the RIFF 0', (wav) => put(wav, [RIFF_SIZE_AT, 0])),
  clean('riff-small.wav', 'size of the RIFF 100,000', (wav) => put(wav, [RIFF_SIZE_AT, 100_000])),
  clean('data-small.wav', 'size of the data 100,000: the recorder died', (wav) => put(wav, [DATA_SIZE_AT, 100_000])),
  clean('sizes-small.wav', 'both sizes for 100,000 bytes', (wav) =>
    put(wav, [RIFF_SIZE_AT, 100_036], [DATA_SIZE_AT, 100_000]),
  ),
  clean('short-1.wav', 'the last byte missing', (wav) => wav.subarray(0, -1)),
  clean('short-2.wav', 'the last sample missing', (wav) => wav.subarray(0, -2)),
  clean(
    'cut.wav',
    'the last second missing',
    (wav) => wav.subarray(0, -BYTES_PER_SECOND),
    transcribed({ seconds: CLEAN_SECONDS - 1, words: 0.6, warnings: ['audio_truncated'] }),
  ),
  clean('byte-rate-0.wav', 'byte rate 0', (wav) => put(wav, [BYTE_RATE_AT, 0])),
  clean('byte-rate-wrong.wav', 'byte rate of stereo', (wav) => put(wav, [BYTE_RATE_AT, 2 * BYTES_PER_SECOND])),
  clean('block-align-0.wav', 'block size 0', (wav) => {
    const copy = Buffer.from(wav);
    copy.writeUInt16LE(0, BLOCK_ALIGN_AT);
    return copy;
  }),
  clean('id3-first.wav', 'an ID3 tag before it', (wav) => Buffer.concat([ID3, wav])),
  clean('list-first.wav', 'a LIST chunk before the data', (wav) =>
    Buffer.concat([wav.subarray(0, DATA_AT), chunk('LIST', 27), wav.subarray(DATA_AT)]),
  ),
  clean('list-last.wav', 'a LIST chunk after the data', (wav) => Buffer.concat([wav, chunk('LIST', 26)])),
  clean('junk-first.wav', 'a JUNK chunk of 4 KB before the data', (wav) =>
    Buffer.concat([wav.subarray(0, DATA_AT), chunk('JUNK', 4096), wav.subarray(DATA_AT)]),
  ),
  clean('zeros-last.wav', '4 KB of zeros after the data, with no chunk', (wav) =>
    Buffer.concat([wav, Buffer.alloc(4096)]),
  ),
  {
    ...encoded('pipe.wav', '-f wav pipe:1', whole),
    make: (studio) => studio.pipe('-f wav'),
  },
  changed(
    'gsm-data-0.wav',
    { from: 'wav', args: '-c:a libgsm_ms -ar 8000', what: 'size of the data 0' },
    (wav) => {
      const at = wav.indexOf('data');
      return put(wav, [at + 4, 0]);
    },
    transcribed({ words: MANY, seconds: CLEAN_SECONDS }),
  ),
  changed(
    'ulaw-data-7fffffff.wav',
    { from: 'wav', args: '-c:a pcm_mulaw -ar 8000', what: 'size of the data 0x7fffffff' },
    (wav) => {
      const at = wav.indexOf('data');
      return put(wav, [at + 4, 0x7fffffff]);
    },
    transcribed({ words: MANY, seconds: CLEAN_SECONDS }),
  ),
  changed(
    'rf64-size-0.wav',
    { from: 'wav', args: '-rf64 always', what: 'size of the data in ds64 0' },
    (wav) => {
      const copy = Buffer.from(wav);
      copy.writeBigUInt64LE(0n, 28);
      return copy;
    },
    whole,
  ),
];
