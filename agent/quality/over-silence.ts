/**
 * Text where nobody speaks: Whisper says “You” or “Thank you for watching” of silence, noise and music. A segment counts if
 * nothing is heard from a second before it to a second after it, for its times are not exact. With a detector's word on
 * voices that is decided by them, and the levels otherwise.
 */
import type { QualityReason, Transcript } from '../../protocol/transcript.ts';
import { type Heard, levelsWithin, silenceBelow, voiceWithin } from './heard.ts';
import { place, quoted } from './spoken.ts';

const INEXACT_SECONDS = 1;
/** Nobody says more in a second. */
const CHARACTERS_PER_SECOND_MAX = 40;

export function overSilence({ segments }: Transcript, heard: Heard | null): QualityReason[] {
  if (heard === null) return [];
  const text = segments.map((segment) => segment.text).join(' ');
  if (text.length > CHARACTERS_PER_SECOND_MAX * (heard.duration_seconds + 0.5)) {
    const message = `${text.length} characters in ${heard.duration_seconds.toFixed(2)} s of audio: ${quoted(text)}`;
    return [{ code: 'text_over_silence', message, start_seconds: 0, end_seconds: heard.duration_seconds }];
  }
  const silence_db = silenceBelow(heard);
  const reasons: QualityReason[] = [];
  for (const segment of segments) {
    const [from, to] = [segment.start_seconds - INEXACT_SECONDS, segment.end_seconds + INEXACT_SECONDS];
    // Text outside of the audio is the concern of times-outside.ts.
    const levels = levelsWithin(heard, from, to);
    if (levels.length === 0) continue;
    const silent = levels.every((level) => level < silence_db);
    const voiceless = heard.voice !== null && voiceWithin(heard.voice, from, to) === 0;
    if (!silent && !voiceless) continue;
    const { start_seconds, end_seconds } = segment;
    const where = silent ? 'it is silent' : 'no voice is heard';
    const message = `${quoted(segment.text)} at ${place(start_seconds)}, where ${where}`;
    reasons.push({ code: 'text_over_silence', message, start_seconds, end_seconds });
  }
  return reasons;
}
