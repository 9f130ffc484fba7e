/**
 * What an engine wrote of a pause. In a call each channel is silent for half of the time, and recognisers invent text there.
 * The engine itself doubts it, by its probability that nothing is said; a segment is left out if nothing is heard either.
 */
import type { Transcript, TranscriptSegment } from '../../protocol/transcript.ts';
import type { Engine } from '../engines/engine.ts';
import { type Heard, levelsWithin, silenceBelow, voiceWithin } from '../quality/heard.ts';

/** Whisper's own threshold. */
const NO_SPEECH_MIN = 0.6;

/** An engine that leaves those segments out. `heard`: in the audio that it is given, if it does not measure it. */
export function withoutPauses(engine: Engine, heard: Heard): Engine {
  return {
    ...engine,
    async transcribe(task, options) {
      let found = heard;
      const transcript = await engine.transcribe(task, {
        ...options,
        onHeard(reported) {
          found = reported;
          options.onHeard?.(reported);
        },
      });
      return withoutUnsaid(transcript, found);
    },
  };
}

function withoutUnsaid(transcript: Transcript, heard: Heard): Transcript {
  const kept = transcript.segments.filter((segment) => !isUnsaid(segment, heard));
  if (kept.length === transcript.segments.length) return transcript;
  const text = kept.map((segment) => segment.text).join(' ');
  return { ...transcript, text, segments: kept.map((segment, id) => ({ ...segment, id })) };
}

function isUnsaid({ start_seconds, end_seconds, no_speech = 0 }: TranscriptSegment, heard: Heard): boolean {
  if (no_speech < NO_SPEECH_MIN) return false;
  const silence_db = silenceBelow(heard);
  if (levelsWithin(heard, start_seconds, end_seconds).every((level) => level < silence_db)) return true;
  return heard.voice !== null && voiceWithin(heard.voice, start_seconds, end_seconds) === 0;
}
