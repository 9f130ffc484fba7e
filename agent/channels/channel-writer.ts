/**
 * Takes a WAV of 16-bit samples as ffmpeg streams it, and writes each of its channels to a file of its own. What is heard in
 * a channel is measured on the way.
 *
 * A recording with one channel is not written: the stream fails with OneChannel as soon as its header is read.
 */
import { once } from 'node:events';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { WavWriter } from '../audio/wav-writer.ts';
import { EngineError } from '../engines/engine.ts';
import { LevelMeter } from '../quality/measure-audio.ts';

/** There is nothing to separate. */
export class OneChannel extends Error {}

export const CHANNELS_MAX = 16;
const SAMPLE_BYTES = 2;
const HEADER_BYTES_MAX = 64 * 1024;

export type WrittenChannel = { path: string; duration_seconds: number; level_db: readonly number[] };

type Channel = { path: string; writer: WavWriter; meter: LevelMeter };

export class ChannelWriter extends Writable {
  readonly #directory: string;
  #channels: Channel[] = [];
  /** What came before the header ended; then the beginning of a frame whose rest has not come. */
  #rest: Buffer = Buffer.alloc(0);
  #differ = false;

  constructor(directory: string) {
    super({ highWaterMark: 256 * 1024 });
    this.#directory = directory;
  }

  /** Whether any two samples of one moment differ; a recording of one microphone may have the same in both channels. */
  get differ(): boolean {
    return this.#differ;
  }

  get channels(): WrittenChannel[] {
    return this.#channels.map(({ path, writer, meter }) => {
      return { path, duration_seconds: writer.duration_seconds, level_db: meter.levels() };
    });
  }

  override _write(bytes: Buffer, _encoding: string, callback: (error?: Error | null) => void): void {
    this.#take(bytes).then(() => callback(), callback);
  }

  override _final(callback: (error?: Error | null) => void): void {
    const ended = this.#channels.map(({ writer }) => {
      writer.end();
      return once(writer, 'finish');
    });
    Promise.all(ended).then(() => callback(), callback);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    for (const { writer } of this.#channels) writer.destroy();
    callback(error);
  }

  async #take(bytes: Buffer): Promise<void> {
    this.#rest = this.#rest.byteLength === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    if (this.#channels.length === 0) {
      const header = readHeader(this.#rest);
      if (header === null) return;
      this.#open(header.channels);
      this.#rest = this.#rest.subarray(header.bytes);
    }
    const frame = this.#channels.length * SAMPLE_BYTES;
    const frames = Math.floor(this.#rest.byteLength / frame);
    const separated = this.#separate(frames);
    // A copy, so that the rest of a few bytes does not keep the whole piece in memory.
    this.#rest = Buffer.from(this.#rest.subarray(frames * frame));
    await Promise.all(this.#channels.map(({ writer }, at) => write(writer, separated[at]!)));
  }

  #open(count: number): void {
    if (count === 1) throw new OneChannel('it has one channel');
    if (count > CHANNELS_MAX) {
      const message = `this recording has ${count} channels, and at most ${CHANNELS_MAX} can be transcribed apart`;
      throw new EngineError('audio_unsupported', message, { hint: 'submit it without channels=split' });
    }
    this.#channels = Array.from({ length: count }, (_, at) => {
      const path = join(this.#directory, `channel-${at}.wav`);
      const meter = new LevelMeter();
      const writer = new WavWriter(path, (samples) => void meter.write(samples));
      writer.on('error', () => {}); // the write reports it
      return { path, writer, meter };
    });
  }

  #separate(frames: number): Buffer[] {
    const count = this.#channels.length;
    const separated = this.#channels.map(() => Buffer.allocUnsafe(frames * SAMPLE_BYTES));
    for (let frame = 0, at = 0; frame < frames; frame++) {
      const first = this.#rest.readInt16LE(at);
      for (let channel = 0; channel < count; channel++, at += SAMPLE_BYTES) {
        const sample = this.#rest.readInt16LE(at);
        if (sample !== first) this.#differ = true;
        separated[channel]!.writeInt16LE(sample, frame * SAMPLE_BYTES);
      }
    }
    return separated;
  }
}

/** Null while it has not come whole. */
function readHeader(bytes: Buffer): { channels: number; bytes: number } | null {
  let channels = 0;
  for (let at = 12; at + 8 <= bytes.byteLength; ) {
    const name = bytes.toString('latin1', at, at + 4);
    if (name === 'data' && channels > 0) return { channels, bytes: at + 8 };
    if (name === 'fmt ' && at + 12 <= bytes.byteLength) channels = bytes.readUInt16LE(at + 10);
    at += 8 + bytes.readUInt32LE(at + 4);
  }
  if (bytes.byteLength > HEADER_BYTES_MAX) throw new EngineError('audio_unreadable', 'ffmpeg wrote no WAV');
  return null;
}

function write(writer: WavWriter, samples: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    writer.write(samples, (error) => (error ? reject(error) : resolve()));
  });
}
