/** Decodes a recording with ffmpeg into a stream of samples, and says in words of recordings why it can't. */
import type { Writable } from 'node:stream';
import { diskFull, isDiskFull } from '../disk-space.ts';
import { EngineError } from '../engines/engine.ts';
import { runProcessGroup } from '../process-group.ts';
import { ffmpegInput } from './ffmpeg-input.ts';

export type DecodeRequest = {
  audio_path: string;
  work_directory: string;
  signal: AbortSignal;
  /** Default: `ffmpeg` in PATH. */
  ffmpeg?: string;
  /** What it is, for messages: `mp3`. */
  what: string;
  /** The form of the output: options of ffmpeg, up to `pipe:1`. */
  form: readonly string[];
  to: Writable;
  /** Why ffmpeg is needed, if it is not installed, and what helps. */
  without: { message: string; hint: string };
};

/**
 * Resolves with what ffmpeg complained of, which may be nothing. Throws EngineError `audio_unreadable`, `no_audio_track`,
 * `disk_full`, or `audio_unsupported` if ffmpeg is missing; and what `to` fails with.
 */
export async function decodeWithFfmpeg(request: DecodeRequest): Promise<string> {
  const { audio_path, what, without } = request;
  const end = await runProcessGroup({
    command: [request.ffmpeg ?? 'ffmpeg', '-nostdin', '-v', 'error', ...ffmpegInput(audio_path), ...request.form],
    directory: request.work_directory,
    signal: request.signal,
    stdoutTo: request.to,
  }).catch((error: NodeJS.ErrnoException) => {
    if (isDiskFull(error)) throw diskFull('the converted audio could not be written', error);
    if (error.code !== 'ENOENT' || error.syscall?.startsWith('spawn') !== true) throw error;
    throw new EngineError('audio_unsupported', without.message, { hint: without.hint, cause: error });
  });
  if (end.exit_code === 0) return end.stderr_tail;
  if (/matches no streams|does not contain any stream/.test(end.stderr_tail)) {
    throw new EngineError('no_audio_track', `this ${what} has no audio track`);
  }
  const reason = end.stderr_tail.replaceAll(`file:${audio_path}: `, '').split('\n').at(-1)?.slice(0, 300);
  throw new EngineError('audio_unreadable', `ffmpeg cannot read this ${what}: ${reason}`);
}
