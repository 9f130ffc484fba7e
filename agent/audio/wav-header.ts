/** Reads the header of a RIFF/WAVE file: its promised size, and where its samples begin. */
import type { FileHandle } from 'node:fs/promises';

export type WavHeader = {
  /** 1 is plain integer PCM, 3 float; 0xfffe is resolved to its extension's value. */
  format: number;
  channels: number;
  samples_per_second: number;
  bytes_per_second: number;
  bits_per_sample: number;
  data_offset: number;
  /** Null if the writer didn't know (a pipe): the samples extend to the end of the file. */
  data_bytes: number | null;
};

const EXTENSIBLE = 0xfffe;
const UNKNOWN_SIZE = 0xffffffff;
const CHUNKS_MAX = 1000;

/** Null if the `fmt ` or `data` chunk is missing. Memory and reads are bounded whatever the file contains. */
export async function readWavHeader(file: FileHandle): Promise<WavHeader | null> {
  let format: Omit<WavHeader, 'data_offset' | 'data_bytes'> | undefined;
  let size64: number | null = null;
  let offset = 12;
  for (let count = 0; count < CHUNKS_MAX; count++) {
    const head = await readAt(file, offset, 8);
    if (head.length < 8) return null;
    const name = head.toString('latin1', 0, 4);
    const size = head.readUInt32LE(4);
    const body = offset + 8;
    if (name === 'ds64') {
      const sizes = await readAt(file, body, 16);
      if (sizes.length === 16) size64 = Number(sizes.readBigUInt64LE(8));
    }
    if (name === 'fmt ') {
      const chunk = await readAt(file, body, Math.min(size, 40));
      if (chunk.length < 16) return null;
      const tag = chunk.readUInt16LE(0);
      format = {
        format: tag === EXTENSIBLE && chunk.length >= 26 ? chunk.readUInt16LE(24) : tag,
        channels: chunk.readUInt16LE(2),
        samples_per_second: chunk.readUInt32LE(4),
        bytes_per_second: chunk.readUInt32LE(8),
        bits_per_sample: chunk.readUInt16LE(14),
      };
    }
    if (name === 'data') {
      if (format === undefined || format.bytes_per_second === 0) return null;
      const data_bytes = size === UNKNOWN_SIZE ? size64 : size;
      return { ...format, data_offset: body, data_bytes };
    }
    offset = body + size + (size % 2); // chunks are padded to even lengths
  }
  return null;
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}
