/**
 * Looks at a recording before an engine reads it. What it finds is advice: the kind and the length may be unknown, or
 * differ from what the engine then reads. Only what no engine can read is refused: nothing, what is no recording, a
 * video without sound.
 *
 * The kind is told by the bytes, never by the name. The length comes from a WAV's own header, from ffprobe if it is
 * installed, and from music-metadata otherwise.
 *
 * A file is known to be truncated if it records its length: a WAV's data size, an MP4's boxes, the byte count in an
 * MP3's Xing header, the samples of a FLAC or Ogg against its last frame or page. Any other is just shorter.
 */

import { openAsBlob } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { type IFormat, parseBlob } from 'music-metadata';
import type { TranscriptWarning } from '../../protocol/transcript.ts';
import { EngineError } from '../engines/engine.ts';
import { askFfprobe, lacksAudio } from './ask-ffprobe.ts';
import { measureWebm } from './measure-webm.ts';
import { findMissingEnd } from './missing-end.ts';
import { type Sniffed, sniffAudio } from './sniff-audio.ts';
import { readWav, type WavFile } from './wav-file.ts';

export type AudioFacts = {
  /** Null if unknown. */
  duration_seconds: number | null;
  file_size_bytes: number;
  /** Null if unknown. */
  container: string | null;
  /** What is wrong with the recording. */
  warnings: TranscriptWarning[];
};

export type ProbedAudio = AudioFacts & {
  /** Of the bytes; empty if unknown. */
  extension: string;
  /** Null if it is of another kind. */
  wav: WavFile | null;
};

export type ProbeOptions = {
  signal?: AbortSignal;
  /** Default: `ffprobe` in PATH. */
  ffprobe?: string;
};

/** Throws EngineError `audio_not_found`, `audio_empty`, `not_audio` or `no_audio_track`. */
export async function probeAudio(path: string, options: ProbeOptions = {}): Promise<ProbedAudio> {
  const file = await open(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    throw new EngineError('audio_not_found', 'the audio file does not exist', { cause: error });
  });
  try {
    const { size: file_size_bytes } = await file.stat();
    if (file_size_bytes === 0) throw empty('the file has no bytes');
    const sniffed = await sniffAudio(path);
    const { container, extension, not_audio } = sniffed;
    if (not_audio !== null) throw notAudio(not_audio);
    const wav = container === 'wav' ? await readWav(file, sniffed.tag_bytes) : null;
    if (wav === 'no_samples') throw empty('it has the header of a WAV file and no samples');

    const missing = wav === null ? await missingEnd(file, container) : missingSamples(wav);
    const duration = await durationOf(file, path, sniffed, wav, options);
    return {
      duration_seconds: duration === null ? null : Math.round(duration * 1000) / 1000,
      file_size_bytes,
      container,
      warnings: missing === null ? [] : [{ code: 'audio_truncated', message: missing }],
      extension,
      wav,
    };
  } finally {
    await file.close();
  }
}

async function durationOf(
  file: FileHandle,
  path: string,
  sniffed: Sniffed,
  wav: WavFile | null,
  options: ProbeOptions,
): Promise<number | null> {
  if (wav !== null && wav.seconds_per_byte !== null) return wav.data_bytes * wav.seconds_per_byte;
  const probed = await askFfprobe(path, options);
  if (probed !== null && lacksAudio(probed)) throw withoutAudio(sniffed.container);
  const seconds = probed === null ? await parsedDuration(path, sniffed) : probed.duration_seconds;
  return seconds ?? (sniffed.container === 'webm' ? measureWebm(file) : null);
}

/** By music-metadata. With `duration: true` it walks through files whose header has no length; it does not decode. */
async function parsedDuration(path: string, { container, media_type }: Sniffed): Promise<number | null> {
  const type = MEDIA_TYPES[container ?? ''] ?? media_type;
  if (type === null) return null;
  try {
    const { format } = await parseBlob(await openAsBlob(path, { type }), { duration: true, skipCovers: true });
    if (hasPicturesOnly(format)) throw withoutAudio(container);
    const { duration } = format;
    return duration !== undefined && duration > 0 && Number.isFinite(duration) ? duration : null;
  } catch (error) {
    if (error instanceof EngineError) throw error;
    return null; // the engine may read what this library does not
  }
}

/** The library reports a track of sound for every MP4: there the codecs tell. */
function hasPicturesOnly({ hasAudio, hasVideo, trackInfo }: IFormat): boolean {
  if (hasVideo !== true) return false;
  return (
    hasAudio === false || (trackInfo.length > 0 && trackInfo.every(({ codecName }) => PICTURES.test(codecName ?? '')))
  );
}

const PICTURES = /^<?(avc\d|hvc1|hev1|mp4v|av01|vp0\d|s263|jpeg|tmcd|text|tx3g)>?$/;

/** The library's parsers, where the sniffed media type doesn't name one. */
const MEDIA_TYPES: Readonly<Record<string, string>> = {
  wav: 'audio/wav',
  webm: 'video/webm',
  asf: 'audio/ms-asf',
  aac: 'audio/aacp',
  mov: 'audio/mp4',
  '3gp': 'audio/mp4',
  mp4: 'audio/mp4',
  mp3: 'audio/mpeg',
};

async function missingEnd(file: FileHandle, container: string | null): Promise<string | null> {
  return container === null ? null : findMissingEnd(file, container).catch(() => null);
}

function missingSamples({ missing_bytes, data_bytes }: WavFile): string | null {
  if (missing_bytes === 0) return null;
  return `this wav promises ${data_bytes + missing_bytes} bytes of samples, the file has ${data_bytes}`;
}

function empty(message: string): EngineError {
  return new EngineError('audio_empty', `the recording is empty: ${message}`, {
    hint: 'look at what was recorded, or exported: there is nothing in the file',
  });
}

function notAudio(what: string): EngineError {
  return new EngineError('not_audio', `this is ${what}, not a recording`, {
    hint: 'open the URL: it may lead to an error page, a login or the wrong file',
  });
}

function withoutAudio(container: string | null): EngineError {
  return new EngineError('no_audio_track', `this ${container ?? 'file'} has no audio track`, {
    hint: 'it has pictures only: look at how it was recorded or exported',
  });
}
