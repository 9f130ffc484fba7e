/** What ffprobe, if it is installed, knows about a recording of any kind. */
import { dirname } from 'node:path';
import { runProcessGroup } from '../process-group.ts';
import { ffmpegInput } from './ffmpeg-input.ts';

export type FfprobeFacts = {
  /** As the header says, or estimated from the bit rate; null if unknown. */
  duration_seconds: number | null;
  /** Its name of the format. */
  format: string;
  streams: number;
  audio_streams: number;
};

const TIMEOUT_MS = 60_000;
const OUTPUT_CHARACTERS_MAX = 1024 * 1024;

/** Streams of these appear only when their first packet comes, which may be later than ffprobe looks. */
const WITHOUT_LIST_OF_STREAMS = /^(mpegts|mpeg|flv|nut|rm)$/;

/** Null if it is not installed, or cannot read the file: an engine may still do so. Rejects if aborted. */
export async function askFfprobe(
  path: string,
  { signal, ffprobe = 'ffprobe' }: { signal?: AbortSignal; ffprobe?: string } = {},
): Promise<FfprobeFacts | null> {
  const show = 'format=format_name,duration:stream=codec_type,duration';
  const lines: string[] = [];
  let characters = 0;
  const patience = AbortSignal.timeout(TIMEOUT_MS);
  try {
    const end = await runProcessGroup({
      command: [ffprobe, '-v', 'error', '-show_entries', show, '-of', 'json', ...ffmpegInput(path)],
      directory: dirname(path),
      signal: signal === undefined ? patience : AbortSignal.any([signal, patience]),
      onLine: (line, stream) => {
        characters += line.length;
        if (stream === 'stdout' && characters <= OUTPUT_CHARACTERS_MAX) lines.push(line);
      },
    });
    return end.exit_code === 0 ? readFacts(lines.join('\n')) : null;
  } catch {
    signal?.throwIfAborted();
    return null;
  }
}

/** Whether it has streams, and certainly none of sound. */
export function lacksAudio({ format, streams, audio_streams }: FfprobeFacts): boolean {
  return streams > 0 && audio_streams === 0 && !WITHOUT_LIST_OF_STREAMS.test(format);
}

type Output = {
  format?: { format_name?: string; duration?: string };
  streams?: { codec_type?: string; duration?: string }[];
};

function readFacts(json: string): FfprobeFacts {
  const { format = {}, streams = [] } = JSON.parse(json) as Output;
  const audio = streams.filter(({ codec_type }) => codec_type === 'audio');
  // Of the sound, if it says so: a video may go on for longer.
  const seconds = [audio[0]?.duration, format.duration].map(Number).find((value) => value > 0 && value < Infinity);
  return {
    duration_seconds: seconds ?? null,
    format: format.format_name ?? '',
    streams: streams.length,
    audio_streams: audio.length,
  };
}
