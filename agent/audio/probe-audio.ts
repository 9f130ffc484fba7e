/**
 * Learns an audio file's kind and length, and finds what no engine could read: nothing in it, no audio, an end that is missing.
 *
 * A missing end can be told where a file says how long it is: a WAV's data size, an MP4's boxes, the frame count in an MP3's Xing
 * header, a FLAC's or Ogg's number of samples against its bytes and last page. An MP3 or AAC without such a header is just shorter.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { parseFile } from 'music-metadata';
import { EngineError } from '../engines/engine.ts';
import { measureWebm } from './measure-webm.ts';
import { findMissingEnd } from './missing-end.ts';
import { type AudioContainer, SNIFF_BYTES, sniffAudio } from './sniff-audio.ts';
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
    throw new EngineError('audio_not_found', 'the audio file is not there', { cause: error });
  });
  try {
    const { size: file_size_bytes } = await file.stat();
    if (file_size_bytes === 0) throw new EngineError('audio_empty', 'the audio file has no bytes');
    const { buffer, bytesRead } = await file.read(Buffer.alloc(SNIFF_BYTES), 0, SNIFF_BYTES, 0);
    const head = buffer.subarray(0, bytesRead);
    const container = sniffAudio(head);
    if (container === null) throw unreadable(`${describe(head)}, not audio that we know`);
    const duration_seconds =
      container === 'wav' ? await wavDuration(file, file_size_bytes) : await otherDuration(file, path, container);
    if (duration_seconds === 0) throw new EngineError('audio_empty', 'the audio has no length');
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
  // `duration: true` lets the library walk through files whose header doesn't say; it reads, it doesn't decode.
  const { format } = await parseFile(path, { duration: true, skipCovers: true }).catch((error: Error) => {
    throw unreadable(`a broken ${container} file: ${error.message}`, error);
  });
  if (format.hasAudio === false) throw unreadable(`this ${container} has no audio track`);
  const duration = format.duration ?? (container === 'webm' ? await measureWebm(file) : null);
  if (duration === null || !Number.isFinite(duration)) {
    throw unreadable(`this ${container} does not say how long it is, and holds no frames to count`);
  }
  return Math.round(duration * 1000) / 1000;
}

function describe(head: Buffer): string {
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
