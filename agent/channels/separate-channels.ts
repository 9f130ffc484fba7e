/** Separates the channels of a recording with ffmpeg: each becomes a 16 kHz mono WAV of its own. */
import { rm } from 'node:fs/promises';
import type { TranscriptWarning } from '../../protocol/transcript.ts';
import { decodeWithFfmpeg } from '../audio/decode-with-ffmpeg.ts';
import { SAMPLE_RATE } from '../audio/wav-writer.ts';
import { EngineError } from '../engines/engine.ts';
import { type Heard, silenceBelow } from '../quality/heard.ts';
import { ChannelWriter, OneChannel } from './channel-writer.ts';

export type SeparatedChannel = {
  /** Counts from 0, in the order of the recording: of a stereo recording 0 is left. */
  channel: number;
  path: string;
  heard: Heard;
  /** Nothing is heard in it, beside the loudest one. */
  silent: boolean;
};

/**
 * Null if there is nothing to separate: the recording has one channel, or the same in all. Throws EngineError
 * `audio_unreadable`, `audio_empty`, `no_audio_track`, `audio_unsupported` (no ffmpeg, too many channels), `disk_full`.
 */
export async function separateChannels(request: {
  audio_path: string;
  /** The files are written here. */
  work_directory: string;
  signal: AbortSignal;
  /** Default: `ffmpeg` in PATH. */
  ffmpeg?: string;
}): Promise<{ channels: SeparatedChannel[]; warnings: TranscriptWarning[] } | null> {
  const writer = new ChannelWriter(request.work_directory);
  let complaints: string;
  try {
    complaints = await decodeWithFfmpeg({
      ...request,
      what: 'recording',
      form: ['-vn', '-ar', String(SAMPLE_RATE), '-c:a', 'pcm_s16le', ...PLAIN, '-f', 'wav', 'pipe:1'],
      to: writer,
      without: {
        message: 'without ffmpeg the channels of a recording cannot be separated',
        hint: 'install ffmpeg on the worker, or submit the job without channels=split',
      },
    });
  } catch (error) {
    if (error instanceof OneChannel) return null;
    throw error;
  }
  const written = writer.channels;
  if (written.length === 0 || written[0]!.duration_seconds === 0)
    throw new EngineError('audio_empty', 'ffmpeg finds no samples in this recording');
  if (!writer.differ) {
    await Promise.all(written.map(({ path }) => rm(path)));
    return null;
  }
  const heard = written.map(({ duration_seconds, level_db }): Heard => ({ duration_seconds, level_db, voice: null }));
  const silence_db = Math.max(...heard.map(silenceBelow));
  const channels = written.map(({ path }, channel) => {
    const silent = heard[channel]!.level_db.every((level) => level < silence_db);
    return { channel, path, heard: heard[channel]!, silent };
  });
  return { channels, warnings: isDamaged(complaints) ? [DAMAGED] : [] };
}

/** As for recordings that an engine decodes: where two are joined, a packet or two is never whole. */
const isDamaged = (complaints: string): boolean =>
  /CRC mismatch/.test(complaints) || (complaints.match(/Error (while decoding|submitting)/g) ?? []).length > 2;

const DAMAGED = { code: 'audio_damaged', message: 'parts of the sound are damaged and were left out' };

/** Nothing of the recording's metadata in the header. */
const PLAIN = ['-map_metadata', '-1', '-fflags', '+bitexact', '-flags', '+bitexact'];
