/**
 * Measures the levels of a recording for engines that don't report them, with ffmpeg; it takes about one percent of the audio's
 * length. Nothing is written.
 */
import { Writable } from 'node:stream';
import { ffmpegInput } from '../audio/ffmpeg-input.ts';
import { runProcessGroup } from '../process-group.ts';
import { type Heard, LEVEL_SECONDS, SILENT_DB } from './heard.ts';

const SAMPLE_RATE = 16_000;
const SAMPLE_BYTES = 2;

/** Null if there is no ffmpeg, or if it can't read the file to its end. */
export async function measureAudio(request: {
  audio_path: string;
  directory: string;
  signal: AbortSignal;
  /** Default: `ffmpeg` in PATH. */
  ffmpeg?: string;
}): Promise<Heard | null> {
  const { audio_path, directory, signal, ffmpeg = 'ffmpeg' } = request;
  const meter = new LevelMeter();
  const form = ['-vn', '-ac', '1', '-ar', String(SAMPLE_RATE), '-c:a', 'pcm_s16le', '-f', 's16le', 'pipe:1'];
  try {
    const end = await runProcessGroup({
      command: [ffmpeg, '-nostdin', '-hide_banner', '-v', 'error', ...ffmpegInput(audio_path), ...form],
      directory,
      signal,
      stdoutTo: meter,
    });
    if (end.exit_code !== 0 || meter.duration_seconds === 0) return null;
    return { duration_seconds: meter.duration_seconds, level_db: meter.levels(), voice: null };
  } catch {
    signal.throwIfAborted();
    return null;
  }
}

/** Takes 16-bit samples, in pieces of any length. */
export class LevelMeter extends Writable {
  readonly #levels: number[] = [];
  #sum = 0;
  #count = 0;
  #samples = 0;
  /** The first byte of a sample whose second one has not come. */
  #half: number | null = null;

  get duration_seconds(): number {
    return this.#samples / SAMPLE_RATE;
  }

  levels(): number[] {
    return this.#count === 0 ? [...this.#levels] : [...this.#levels, this.#level()];
  }

  override _write(bytes: Buffer, _encoding: string, callback: () => void): void {
    let at = 0;
    if (this.#half !== null && bytes.length > 0) {
      this.#add(Buffer.from([this.#half, bytes[0]!]).readInt16LE(0));
      this.#half = null;
      at = 1;
    }
    for (; at + 1 < bytes.length; at += SAMPLE_BYTES) this.#add(bytes.readInt16LE(at));
    if (at < bytes.length) this.#half = bytes[at]!;
    callback();
  }

  #add(sample: number): void {
    this.#samples += 1;
    this.#sum += sample * sample;
    this.#count += 1;
    if (this.#count < LEVEL_SECONDS * SAMPLE_RATE) return;
    this.#levels.push(this.#level());
    this.#sum = 0;
    this.#count = 0;
  }

  #level(): number {
    const power = this.#sum / this.#count / 32768 ** 2;
    return power > 0 ? Math.max(SILENT_DB, Math.round(10 * Math.log10(power))) : SILENT_DB;
  }
}
