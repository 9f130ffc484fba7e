/**
 * Converts audio to 16 kHz mono 16-bit WAV with ffmpeg, for engines that read few formats; such a WAV itself is left as
 * it is.
 */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { diskFull, isDiskFull } from '../disk-space.ts';
import { EngineError } from '../engines/engine.ts';
import { runProcessGroup } from '../process-group.ts';
import { type AudioContainer, sniffAudio } from './sniff-audio.ts';
import { readWavHeader } from './wav-header.ts';
import { SAMPLE_RATE, WavWriter } from './wav-writer.ts';

export type PlainWavRequest = {
  audio_path: string;
  /** The path of the converted file. */
  work_directory: string;
  signal: AbortSignal;
  /** Formats that the engine reads itself and that are left as they are; default: only plain WAV. */
  leave?: readonly AudioContainer[];
  /** Default: `ffmpeg` in PATH. */
  ffmpeg?: string;
};

/** ffmpeg's names. Specified, because ffmpeg's own detection also opens playlists, which name other files. */
const DEMUXERS: Readonly<Record<AudioContainer, string>> = {
  wav: 'wav',
  mp3: 'mp3',
  flac: 'flac',
  ogg: 'ogg',
  mp4: 'mov',
  webm: 'matroska',
  aiff: 'aiff',
  aac: 'aac',
  amr: 'amr',
  asf: 'asf',
  wavpack: 'wv',
  ape: 'ape',
  dsf: 'dsf',
};

/**
 * Returns the path to read. Throws EngineError `audio_unreadable`, `audio_empty`, `disk_full`, or `audio_unsupported` if
 * ffmpeg is missing.
 */
export async function asPlainWav(request: PlainWavRequest): Promise<string> {
  const { container, plain } = await look(request.audio_path);
  if (plain || (container !== null && request.leave?.includes(container))) return request.audio_path;
  if (container === null) throw new EngineError('audio_unreadable', 'this is not a supported audio file');

  const output = join(request.work_directory, 'plain-16k.wav');
  const input = ['-f', DEMUXERS[container], '-i', `file:${request.audio_path}`];
  const form = ['-vn', '-ac', '1', '-ar', String(SAMPLE_RATE), '-c:a', 'pcm_s16le', '-f', 's16le', 'pipe:1'];
  const wav = new WavWriter(output);
  const end = await runProcessGroup({
    command: [request.ffmpeg ?? 'ffmpeg', '-nostdin', '-hide_banner', '-v', 'error', ...input, ...form],
    directory: request.work_directory,
    signal: request.signal,
    stdoutTo: wav,
  }).catch((error: NodeJS.ErrnoException) => {
    if (isDiskFull(error)) throw diskFull('the converted audio could not be written', error);
    if (error.code !== 'ENOENT' || error.syscall?.startsWith('spawn') !== true) throw error;
    const reads = request.leave?.join(', ') ?? '16 kHz mono 16-bit WAV';
    throw new EngineError('audio_unsupported', `without ffmpeg this engine reads only ${reads}; this is ${container}`, {
      hint: `install ffmpeg on the worker, or submit ${reads}`,
      cause: error,
    });
  });
  if (end.exit_code === 0 && wav.duration_seconds > 0) return output;
  if (end.exit_code === 0) throw new EngineError('audio_empty', `ffmpeg finds no samples in this ${container}`);
  const reason = end.stderr_tail.replaceAll(`file:${request.audio_path}: `, '').split('\n').at(-1)?.slice(0, 300);
  throw new EngineError('audio_unreadable', `ffmpeg cannot read this ${container}: ${reason}`);
}

async function look(path: string): Promise<{ container: AudioContainer | null; plain: boolean }> {
  const { container, head } = await sniffAudio(path);
  const file = await open(path);
  try {
    const header = container === 'wav' && head.toString('latin1', 0, 4) === 'RIFF' ? await readWavHeader(file) : null;
    const plain =
      header?.format === 1 &&
      header.channels === 1 &&
      header.samples_per_second === 16000 &&
      header.bits_per_sample === 16;
    return { container, plain };
  } finally {
    await file.close();
  }
}
