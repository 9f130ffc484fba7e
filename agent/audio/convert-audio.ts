/**
 * Converts audio to 16 kHz mono 16-bit WAV with ffmpeg, for engines that read few formats; such a WAV itself is left as
 * it is.
 */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { diskFull, isDiskFull } from '../disk-space.ts';
import { EngineError } from '../engines/engine.ts';
import { runProcessGroup } from '../process-group.ts';
import { ffmpegInput } from './ffmpeg-input.ts';
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
  const form = ['-vn', '-ac', '1', '-ar', String(SAMPLE_RATE), '-c:a', 'pcm_s16le', '-f', 's16le', 'pipe:1'];
  const converted = new WavWriter(output);
  const what = container ?? 'file';
  const end = await runProcessGroup({
    command: [request.ffmpeg ?? 'ffmpeg', '-nostdin', '-v', 'error', ...ffmpegInput(request.audio_path), ...form],
    directory: request.work_directory,
    signal: request.signal,
    stdoutTo: converted,
  }).catch((error: NodeJS.ErrnoException) => {
    if (isDiskFull(error)) throw diskFull('the converted audio could not be written', error);
    if (error.code !== 'ENOENT' || error.syscall?.startsWith('spawn') !== true) throw error;
    const reads = request.leave?.join(', ') ?? '16 kHz mono 16-bit WAV';
    throw new EngineError('audio_unsupported', `without ffmpeg this engine reads only ${reads}; this is ${what}`, {
      hint: `install ffmpeg on the worker, or submit ${reads}`,
      cause: error,
    });
  });
  if (end.exit_code === 0 && converted.duration_seconds > 0) return output;
  if (end.exit_code === 0) throw new EngineError('audio_empty', `ffmpeg finds no samples in this ${what}`);
  if (/matches no streams|does not contain any stream/.test(end.stderr_tail)) {
    throw new EngineError('no_audio_track', `this ${what} has no audio track`);
  }
  const reason = end.stderr_tail.replaceAll(`file:${request.audio_path}: `, '').split('\n').at(-1)?.slice(0, 300);
  throw new EngineError('audio_unreadable', `ffmpeg cannot read this ${what}: ${reason}`);
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
