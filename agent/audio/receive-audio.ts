/**
 * Prepares a downloaded recording for the engine: looks at it, repairs the header of a WAV, and renames it after its
 * bytes, because some programs go by a file's extension.
 */
import { rename } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import { EngineError } from '../engines/engine.ts';
import { HEADERLESS } from './ffmpeg-input.ts';
import { type AudioFacts, type ProbeOptions, probeAudio } from './probe-audio.ts';
import { repairWav } from './repair-wav.ts';

export type ReceiveAudioRequest = ProbeOptions & {
  /** The worker's own copy, which is changed and renamed. */
  path: string;
  /** Its extension counts if its bytes say nothing. */
  audio_url: string;
  /** A recording that is cut short is refused. */
  require_complete: boolean;
};

/** Throws what `probeAudio` throws, and EngineError `audio_truncated`. */
export async function receiveAudio(request: ReceiveAudioRequest): Promise<AudioFacts & { path: string }> {
  const { path, audio_url, require_complete } = request;
  const { wav, extension, ...facts } = await probeAudio(path, request);
  const truncated = facts.warnings.find(({ code }) => code === 'audio_truncated');
  if (require_complete && truncated !== undefined) {
    throw new EngineError('audio_truncated', `the recording is cut short: ${truncated.message}`, {
      hint: 'send the whole file, or submit it without require_complete',
    });
  }
  if (wav !== null) await repairWav(path, wav);
  const own = join(dirname(path), `audio${extension || headerless(audio_url)}`);
  await rename(path, own);
  return { ...facts, path: own };
}

function headerless(audio_url: string): string {
  const extension = extname(audio_url.split(/[?#]/, 1)[0]!).toLowerCase();
  return HEADERLESS.includes(extension) ? extension : '';
}
