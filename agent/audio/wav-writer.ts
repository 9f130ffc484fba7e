/**
 * Writes 16 kHz mono 16-bit samples to a WAV file. The converted audio passes through this process instead of being
 * written by ffmpeg, which ends with exit code 0 when the disk is full: here a write that fails is an error.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { Writable } from 'node:stream';

export const SAMPLE_RATE = 16_000;
const SAMPLE_BYTES = 2;
const HEADER_BYTES = 44;
const SIZE_MAX = 0xffffffff;

export class WavWriter extends Writable {
  readonly #path: string;
  readonly #onSamples: (bytes: Buffer) => void;
  #file: FileHandle | undefined;
  #bytes = 0;

  /** `onSamples` is called with the samples as they come, in pieces of any length. */
  constructor(path: string, onSamples: (bytes: Buffer) => void = () => {}) {
    super({ highWaterMark: 256 * 1024 });
    this.#path = path;
    this.#onSamples = onSamples;
  }

  /** Of what has been written. */
  get duration_seconds(): number {
    return this.#bytes / SAMPLE_BYTES / SAMPLE_RATE;
  }

  override _construct(callback: (error?: Error | null) => void): void {
    this.#begin().then(() => callback(), callback);
  }

  override _write(bytes: Buffer, _encoding: string, callback: (error?: Error | null) => void): void {
    this.#append(bytes).then(() => callback(), callback);
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#finish().then(() => callback(), callback);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const file = this.#file;
    this.#file = undefined;
    if (file === undefined) callback(error);
    else file.close().then(() => callback(error), callback);
  }

  async #begin(): Promise<void> {
    this.#file = await open(this.#path, 'w');
    await writeAll(this.#file, header(0), 0);
  }

  async #append(bytes: Buffer): Promise<void> {
    await writeAll(this.#file!, bytes, HEADER_BYTES + this.#bytes);
    this.#bytes += bytes.byteLength;
    this.#onSamples(bytes);
  }

  /** Network file systems report a full disk no earlier than here. */
  async #finish(): Promise<void> {
    await writeAll(this.#file!, header(this.#bytes), 0);
    await this.#file!.datasync();
  }
}

/** A single write may be partial, as it is when the disk becomes full in the middle of it. */
async function writeAll(file: FileHandle, bytes: Buffer, at: number): Promise<void> {
  for (let done = 0; done < bytes.byteLength; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.byteLength - done, at + done);
    done += bytesWritten;
  }
}

function header(dataBytes: number): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES);
  bytes.write('RIFF', 0, 'latin1');
  bytes.writeUInt32LE(Math.min(SIZE_MAX, HEADER_BYTES - 8 + dataBytes), 4);
  bytes.write('WAVEfmt ', 8, 'latin1');
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(1, 20); // PCM
  bytes.writeUInt16LE(1, 22); // mono
  bytes.writeUInt32LE(SAMPLE_RATE, 24);
  bytes.writeUInt32LE(SAMPLE_RATE * SAMPLE_BYTES, 28);
  bytes.writeUInt16LE(SAMPLE_BYTES, 32);
  bytes.writeUInt16LE(SAMPLE_BYTES * 8, 34);
  bytes.write('data', 36, 'latin1');
  bytes.writeUInt32LE(Math.min(SIZE_MAX, dataBytes), 40);
  return bytes;
}
