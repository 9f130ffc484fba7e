/**
 * Determines an audio file's format and length, and rejects files that no engine could read: empty, not audio, or
 * truncated.
 *
 * Truncation is detected if the file records its length: a WAV's data size, an MP4's boxes, the frame count in an MP3's
 * Xing header, the samples of a FLAC or Ogg against its bytes and last page. An MP3 or AAC without such a header is
 * just shorter.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { parseFile } from 'music-metadata';
import { EngineError } from '../engines/engine.ts';
import { measureWebm } from './measure-webm.ts';
import { findMissingEnd } from './missing-end.ts';
import { type AudioContainer, type Sniffed, sniffAudio } from './sniff-audio.ts';
import { readWavHeader } from './wav-header.ts';

export type AudioFacts = {
  duration_seconds: number;
  file_size_bytes: number;
  container: AudioContainer;
};

/** Throws EngineError `audio_not_found`, `audio_empty`, `audio_truncated` or `audio_unreadable`. */
export async function probeAudio(path: string): Promise<AudioFacts> {
  const file = await open(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    throw new EngineError('audio_not_found', 'the audio file does not exist', { cause: error });
  });
  try {
    const { size: file_size_bytes } = await file.stat();
    if (file_size_bytes === 0) throw new EngineError('audio_empty', 'the audio file is empty');
    const sniffed = await sniffAudio(path);
    const { container } = sniffed;
    if (container === null) throw unreadable(`${describe(sniffed)}, not a supported audio format`);
    const duration_seconds =
      container === 'wav' ? await wavDuration(file, file_size_bytes) : await otherDuration(file, path, container);
    if (duration_seconds === 0) throw new EngineError('audio_empty', 'the audio has no samples');
    return { duration_seconds, file_size_bytes, container };
  } finally {
    await file.close();
  }
}

async function wavDuration(file: FileHandle, file_size_bytes: number): Promise<number> {
  const header = await readWavHeader(file);
  if (header === null) {
    if (file_size_bytes < 44) throw truncated('the WAV header is cut short');
    throw unreadable('a WAV file without format or data');
  }
  const present = Math.max(0, file_size_bytes - header.data_offset);
  const promised = header.data_bytes ?? present;
  if (promised > present) {
    throw truncated(`the WAV header promises ${promised} bytes of samples, the file has ${present}`);
  }
  return Math.round((promised / header.bytes_per_second) * 1000) / 1000;
}

async function otherDuration(file: FileHandle, path: string, container: AudioContainer): Promise<number> {
  const missing = await findMissingEnd(file, container);
  if (missing !== null) throw truncated(missing);
  // With `duration: true` the library walks through files whose header has no length; it does not decode.
  const { format } = await parseFile(path, { duration: true, skipCovers: true }).catch((error: Error) => {
    throw unreadable(`a broken ${container} file: ${error.message}`, error);
  });
  if (format.hasAudio === false) throw unreadable(`this ${container} has no audio track`);
  const duration = format.duration ?? (container === 'webm' ? await measureWebm(file) : null);
  if (duration === null || !Number.isFinite(duration)) {
    throw unreadable(`this ${container} has no length in its header and no frames to count`);
  }
  return Math.round(duration * 1000) / 1000;
}

function describe({ media_type, head }: Sniffed): string {
  if (media_type !== null) return `a file of type ${media_type}`;
  const text = head.toString('utf8').replace(/�+$/, '');
  if (/^\s*[<{[]/.test(text)) return 'a document (HTML, XML or JSON)';
  return /^[\p{L}\p{N}\p{P}\p{S}\s]+$/u.test(text) && !text.includes('�') ? 'a text file' : 'bytes of an unknown kind';
}

function truncated(message: string): EngineError {
  return new EngineError('audio_truncated', message, { hint: 'send the whole file: its end is missing' });
}

function unreadable(message: string, cause?: unknown): EngineError {
  return new EngineError('audio_unreadable', message, { cause });
}
