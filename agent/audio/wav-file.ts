/**
 * Reads the chunks of a WAV file (RIFF, RF64, BW64) and finds out where its samples really end, because recorders write
 * sizes that are wrong: they died before they corrected the header, wrote to a pipe, or passed 4 GB.
 *
 *     the size fits            the file ends there, or real chunks or a block's fill of zeros follow: it is believed
 *     0, 0x7fffffff, …         a placeholder: samples up to the end of the file, except for real chunks
 *     smaller than the file    the same
 *     larger than the file     the same, and what is missing is reported
 */
import type { FileHandle } from 'node:fs/promises';

export type WavFile = {
  /** Readers don't find the samples: the file begins with an ID3 tag, or a chunk is not where it has to be. */
  misplaced: boolean;
  /** 1 is plain integer PCM, 3 float, 2 and 0x11 ADPCM; 0xfffe is resolved to its extension's value. */
  format: number;
  channels: number;
  samples_per_second: number;
  bits_per_sample: number;
  /** Null if unknown: a codec of variable blocks. */
  seconds_per_byte: number | null;
  /** The `fmt ` chunk, without its header. */
  fmt: Buffer;
  /** Where the sizes of `ds64` are; null without one. */
  ds64_offset: number | null;
  data_offset: number;
  /** The bytes of samples that the file has. */
  data_bytes: number;
  /** The bytes that its header promises beyond those; 0 if it doesn't know. */
  missing_bytes: number;
  /** A reader that believes the header would read other samples, or none. */
  wrong: boolean;
};

/** A recorder that died while it wrote its header: `riff` without samples. */
export type WavWithoutSamples = 'no_samples';

const EXTENSIBLE = 0xfffe;
/** The shortest header. */
const HEADER_BYTES = 44;
const CHUNKS_MAX = 1000;
const TAIL_BYTES = 16 * 1024 * 1024;
/** Random samples have a few; only a file that is made for it has so many. */
const TAILS_MAX = 10_000;
const ID3V1_BYTES = 128;
const FILL_BYTES_MAX = 4096;

/** Of what programs write after the samples, and before them. */
const KNOWN_CHUNKS = [
  ...['fmt ', 'data', 'fact', 'LIST', 'list', 'id3 ', 'ID3 ', 'bext', 'cue ', 'iXML', 'JUNK', 'junk', 'PAD ', 'FLLR'],
  ...['smpl', 'inst', 'plst', 'acid', 'axml', 'chna', '_PMX', 'afsp', 'DISP', 'umid', 'minf', 'elm1', 'regn', 'SNDM'],
  ...['PEAK', 'strc', 'levl', 'cart', 'ds64', 'slnt', 'wavl', 'note', 'labl', 'ltxt', 'aXML', 'tlst', 'r64m', 'MEXT'],
];

/** Null if it is not a WAV file, or one that can't be understood. Memory and reads are bounded whatever it contains. */
export async function readWav(file: FileHandle, riff_offset = 0): Promise<WavFile | WavWithoutSamples | null> {
  const { size } = await file.stat();
  const head = (await readAt(file, riff_offset, 12)).toString('latin1');
  const rf64 = /^(RF64|BW64)/.test(head);
  if (!rf64 && !head.startsWith('RIFF')) return null;
  if (head.length < 12) return 'no_samples';
  if (head.slice(8) !== 'WAVE') return null;

  let fmt: Buffer | undefined;
  let misplaced = riff_offset > 0;
  let ds64_offset: number | null = null;
  let offset = riff_offset + 12;
  for (let count = 0; count < CHUNKS_MAX; count++) {
    const chunk = await readAt(file, offset, 8);
    if (chunk.length < 8) return fmt !== undefined || size - riff_offset < HEADER_BYTES ? 'no_samples' : null;
    const name = chunk.toString('latin1', 0, 4);
    const bytes = chunk.readUInt32LE(4);
    const body = offset + 8;
    if (name === 'ds64') ds64_offset = body;
    if (name === 'fmt ') fmt = await readAt(file, body, Math.min(bytes, 64));
    if (name === 'data') {
      if (fmt === undefined || fmt.length < 16) return null;
      const form = readForm(fmt);
      const ds64 = ds64_offset === null ? null : await readAt(file, ds64_offset, 16);
      const promised = bytes === 0xffffffff && ds64?.length === 16 ? Number(ds64.readBigUInt64LE(8)) : bytes;
      const samples = await findSamples(file, { size, data_offset: body, promised, sample_bytes: form.sample_bytes });
      if (samples.data_bytes === 0) return 'no_samples';
      const { sample_bytes: _, ...known } = form;
      const wrong = misplaced || samples.data_bytes !== promised;
      return { ...known, ...samples, misplaced, fmt, ds64_offset, data_offset: body, wrong };
    }
    offset = await nextChunk(file, body, bytes);
    if (offset % 2 !== riff_offset % 2) misplaced = true;
  }
  return null;
}

/** Chunks are padded to even lengths, except by some writers. */
async function nextChunk(file: FileHandle, body: number, length: number): Promise<number> {
  const end = body + length;
  if (length % 2 === 0) return end;
  const bytes = await readAt(file, end, 5);
  const [unpadded, padded] = [bytes.toString('latin1', 0, 4), bytes.toString('latin1', 1, 5)];
  return KNOWN_CHUNKS.includes(unpadded) && !KNOWN_CHUNKS.includes(padded) ? end : end + 1;
}

function readForm(fmt: Buffer) {
  const tag = fmt.readUInt16LE(0);
  const format = tag === EXTENSIBLE && fmt.length >= 26 ? fmt.readUInt16LE(24) : tag;
  const [channels, samples_per_second] = [fmt.readUInt16LE(2), fmt.readUInt32LE(4)];
  const [block_bytes, bits_per_sample] = [fmt.readUInt16LE(12), fmt.readUInt16LE(14)];
  const known = { format, channels, samples_per_second, bits_per_sample };
  // Integer, float, A-law, µ-law: the rate in the header is calculated, because it is often wrong.
  if ([1, 3, 6, 7].includes(format)) {
    const sample_bytes = Math.ceil(bits_per_sample / 8) * channels;
    const bytes_per_second = sample_bytes * samples_per_second;
    return { ...known, sample_bytes, seconds_per_byte: bytes_per_second > 0 ? 1 / bytes_per_second : null };
  }
  // ADPCM of Microsoft and IMA, GSM: blocks of a fixed number of samples.
  const block_samples = [2, 0x11, 0x31].includes(format) && fmt.length >= 20 ? fmt.readUInt16LE(18) : 0;
  const block_seconds = block_samples / samples_per_second;
  const fixed = block_bytes > 0 && Number.isFinite(block_seconds) && block_seconds > 0;
  return { ...known, sample_bytes: 1, seconds_per_byte: fixed ? block_seconds / block_bytes : null };
}

type Claim = { size: number; data_offset: number; promised: number; sample_bytes: number };

async function findSamples(file: FileHandle, { size, data_offset, promised, sample_bytes }: Claim) {
  const whole = (bytes: number) => bytes - (bytes % Math.max(1, sample_bytes));
  const end = data_offset + promised;
  const fits =
    end <= size &&
    ((promised > 0 && (size - end < Math.max(2, sample_bytes) || (await isFill(file, end, size)))) ||
      (await isTail(file, end, size)));
  if (fits) return { data_bytes: whole(promised), missing_bytes: 0 };
  // After a byte of padding, which may as well be the last of a sample.
  if (promised % 2 === 1 && end < size && (await isTail(file, end + 1, size)))
    return { data_bytes: sample_bytes > 1 ? whole(promised + 1) : promised, missing_bytes: 0 };

  const present = (await findTail(file, Math.min(data_offset, size), size)) - data_offset;
  const missing = isPlaceholder(promised) ? 0 : Math.max(0, promised - present);
  return { data_bytes: whole(present), missing_bytes: missing <= Math.max(2, sample_bytes) ? 0 : missing };
}

/** Zeros with which a disk, a recorder or an upload fills its last block. More of them may be silence. */
async function isFill(file: FileHandle, from: number, size: number): Promise<boolean> {
  return size - from <= FILL_BYTES_MAX && (await readAt(file, from, size - from)).every((byte) => byte === 0);
}

/** What writers put where they don't know the size yet, less the length of a header. */
function isPlaceholder(promised: number): boolean {
  return [0x7fffffff, 0x80000000, 0xffffffff].some((limit) => promised <= limit && promised > limit - 0x10000);
}

/** Whether real chunks, one after the other, extend from there to the end of the file. */
async function isTail(file: FileHandle, from: number, size: number): Promise<boolean> {
  let offset = from;
  for (let count = 0; count < CHUNKS_MAX; count++) {
    const chunk = await readAt(file, offset, 8);
    if (isId3v1(chunk, size - offset)) return true;
    if (chunk.length < 8 || !/^[\x20-\x7e]{4}$/.test(chunk.toString('latin1', 0, 4))) return false;
    const length = chunk.readUInt32LE(4);
    const end = offset + 8 + length;
    if (end === size || (length % 2 === 1 && end + 1 === size)) return true;
    if (end > size) return false;
    offset = await nextChunk(file, offset + 8, length);
  }
  return false;
}

/** Where the chunks after the samples begin, or the end of the file. */
async function findTail(file: FileHandle, data_offset: number, size: number): Promise<number> {
  const from = Math.max(data_offset, size - TAIL_BYTES);
  const tail = await readAt(file, from, size - from);
  const found: number[] = [];
  for (const name of KNOWN_CHUNKS) {
    for (let at = tail.indexOf(name, 0, 'latin1'); at >= 0; at = tail.indexOf(name, at + 1, 'latin1')) found.push(at);
  }
  for (const at of found.sort((a, b) => a - b).slice(0, TAILS_MAX))
    if (await isTail(file, from + at, size)) return from + at;
  return isId3v1(tail.subarray(-ID3V1_BYTES), ID3V1_BYTES) ? size - ID3V1_BYTES : size;
}

function isId3v1(bytes: Buffer, left: number): boolean {
  return left === ID3V1_BYTES && bytes.toString('latin1', 0, 3) === 'TAG';
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}
