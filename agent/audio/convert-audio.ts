/**
 * Converts audio to 16 kHz mono 16-bit WAV with ffmpeg, for engines that read few formats; such a WAV itself is left as
 * it is.
 */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError } from '../engines/engine.ts';
import { decodeWithFfmpeg } from './decode-with-ffmpeg.ts';
import { sniffAudio } from './sniff-audio.ts';
import { readWav, type WavFile } from './wav-file.ts';
import { SAMPLE_RATE, WavWriter } from './wav-writer.ts';

export type PlainWavRequest = {
  audio_path: string;
  /** The path of the converted file. */
  work_directory: string;
  signal: AbortSignal;
  /** Formats that the engine reads itself and that are left as they are; default: only plain WAV. */
  leave?: readonly string[];
  /** Default: `ffmpeg` in PATH. */
  ffmpeg?: string;
};

/**
 * Returns the path to read. Throws EngineError `audio_unreadable`, `audio_empty`, `no_audio_track`, `disk_full`, or
 * `audio_unsupported` if ffmpeg is missing.
 */
export async function asPlainWav(request: PlainWavRequest): Promise<string> {
  const { container, wav } = await look(request.audio_path);
  if (wav !== null && isPlain(wav)) return request.audio_path;
  if (container !== null && request.leave?.includes(container) && (wav === null || isCommon(wav))) {
    return request.audio_path;
  }

  const output = join(request.work_directory, 'plain-16k.wav');
  const converted = new WavWriter(output);
  const what = container ?? 'file';
  const reads = request.leave?.join(', ') ?? '16 kHz mono 16-bit WAV';
  await decodeWithFfmpeg({
    ...request,
    what,
    form: ['-vn', '-ac', '1', '-ar', String(SAMPLE_RATE), '-c:a', 'pcm_s16le', '-f', 's16le', 'pipe:1'],
    to: converted,
    without: {
      message: `without ffmpeg this engine reads only ${reads}; this is ${what}`,
      hint: `install ffmpeg on the worker, or submit ${reads}`,
    },
  });
  if (converted.duration_seconds > 0) return output;
  throw new EngineError('audio_empty', `ffmpeg finds no samples in this ${what}`);
}

async function look(path: string): Promise<{ container: string | null; wav: WavFile | null }> {
  const { container, not_audio } = await sniffAudio(path);
  if (not_audio !== null) throw new EngineError('not_audio', `this is ${not_audio}, not a recording`);
  if (container !== 'wav') return { container, wav: null };
  const file = await open(path);
  try {
    const wav = await readWav(file);
    if (wav === 'no_samples') throw new EngineError('audio_empty', 'the recording is empty: it has no samples');
    return { container, wav };
  } finally {
    await file.close();
  }
}

function isPlain(wav: WavFile): boolean {
  const { format, channels, samples_per_second, bits_per_sample, wrong } = wav;
  return !wrong && format === 1 && channels === 1 && samples_per_second === 16_000 && bits_per_sample === 16;
}

/** Integer, float, A-law or µ-law: what every program reads that reads WAV at all. */
function isCommon({ format, wrong }: WavFile): boolean {
  return !wrong && [1, 3, 6, 7].includes(format);
}
