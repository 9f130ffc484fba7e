/**
 * Makes a WAV file's header say what the file has, so that every engine reads all of its samples and nothing else.
 *
 * The sizes are rewritten in place, and chunks after the samples are cut off: no engine needs them. Only a file whose
 * beginning has to move is copied: a WAV behind an ID3 tag, or behind a chunk of an odd length without padding.
 */
import { createReadStream, createWriteStream } from 'node:fs';
import { type FileHandle, open, rename } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { WavFile } from './wav-file.ts';

const UNKNOWN = 0xffffffff;

/** Changes the file, which must be the caller's own. */
export async function repairWav(path: string, wav: WavFile): Promise<void> {
  if (!wav.wrong) return;
  if (wav.misplaced) return copy(path, wav);
  const file = await open(path, 'r+');
  try {
    const end = wav.data_offset + wav.data_bytes;
    if ((await file.stat()).size > end) await file.truncate(end);
    const rf64 = wav.ds64_offset !== null;
    if (rf64) await writeSizes64(file, wav, end);
    else await file.write('RIFF', 0, 'latin1'); // what is called RF64 has to have 64-bit sizes
    await file.write(u32(rf64 ? UNKNOWN : size32(end - 8)), 0, 4, 4);
    await file.write(u32(rf64 ? UNKNOWN : size32(wav.data_bytes)), 0, 4, wav.data_offset - 4);
  } finally {
    await file.close();
  }
}

async function writeSizes64(file: FileHandle, wav: WavFile, end: number): Promise<void> {
  const sizes = Buffer.alloc(16);
  sizes.writeBigUInt64LE(BigInt(end - 8), 0);
  sizes.writeBigUInt64LE(BigInt(wav.data_bytes), 8);
  await file.write(sizes, 0, 16, wav.ds64_offset!);
}

async function copy(path: string, { fmt, data_offset, data_bytes }: WavFile): Promise<void> {
  const format = Buffer.concat([Buffer.from('fmt '), u32(fmt.length), fmt, Buffer.alloc(fmt.length % 2)]);
  const riff_bytes = 4 + format.length + 8 + data_bytes;
  const head = [Buffer.from('RIFF'), u32(size32(riff_bytes)), Buffer.from('WAVE'), format];
  const header = Buffer.concat([...head, Buffer.from('data'), u32(size32(data_bytes))]);
  const target = `${path}.repaired`;
  const samples = createReadStream(path, { start: data_offset, end: data_offset + data_bytes - 1 });
  await pipeline(async function* () {
    yield header;
    yield* samples;
  }, createWriteStream(target));
  await rename(target, path);
}

/** A size that doesn't fit is written as unknown: readers then read to the end of the file. */
function size32(bytes: number): number {
  return Math.min(bytes, UNKNOWN);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
