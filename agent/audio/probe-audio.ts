/**
 * Learns an audio file's kind and length, and finds what no engine could read: nothing in it, no audio, an end that is missing.
 * A WAV's header is read here, for it tells what was promised; all other kinds go through the library `music-metadata`.
 */
import type { AudioContainer } from './sniff-audio.ts';

export type AudioFacts = {
  duration_seconds: number;
  file_size_bytes: number;
  container: AudioContainer;
};

/** Throws EngineError `audio_not_found`, `audio_empty`, `audio_truncated` or `audio_unreadable`. */
export async function probeAudio(_path: string): Promise<AudioFacts> {
  throw new Error('not yet');
}
