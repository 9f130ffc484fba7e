/**
 * A transcript that ends long before the recording, in which somebody goes on speaking: the end was lost, or the engine gave
 * up. Without a detector of voices, speech is sound that is about as loud as the transcribed part and that changes as
 * speech does, which noise and tones don't.
 */
import type { QualityReason, Transcript } from '../../protocol/transcript.ts';
import { type Heard, LEVEL_SECONDS, levelsWithin, silenceBelow, voiceWithin } from './heard.ts';
import { place } from './spoken.ts';

/** Of a voice: much more than a last word that was cut, or a cough. */
const VOICE_SECONDS_MIN = 6;
/** Of sound that may be speech. */
const SOUND_SECONDS_MIN = 15;
/** Of what follows, so that it is not one laugh in an hour of silence. */
const SHARE_MIN = 0.25;
/** The last segment's end is not exact. */
const INEXACT_SECONDS = 1;
const AS_LOUD_DB = 10;
/** Standard deviation of the levels: speech has 5 to 15, noise and steady music less than 3. */
const CHANGE_DB_MIN = 4;

export function endsEarly({ segments }: Transcript, heard: Heard | null): QualityReason[] {
  if (heard === null) return [];
  const last = segments.at(-1);
  const start_seconds = Math.max(0, ...segments.map((segment) => segment.end_seconds));
  const end_seconds = heard.duration_seconds;
  const from = last === undefined ? 0 : start_seconds + INEXACT_SECONDS;
  if (end_seconds - from < VOICE_SECONDS_MIN) return [];
  const [seconds, what] =
    heard.voice === null
      ? [soundLikeSpeech(heard, segments, from), 'something like speech']
      : [voiceWithin(heard.voice, from, end_seconds), 'a voice'];
  const min = heard.voice === null ? SOUND_SECONDS_MIN : VOICE_SECONDS_MIN;
  if (seconds < min || seconds < SHARE_MIN * (end_seconds - from)) return [];
  const where = last === undefined ? 'there is no text' : `the text ends at ${place(start_seconds)}`;
  const message = `${where}, and ${what} is heard for ${Math.round(seconds)} s after that, until ${place(end_seconds)}`;
  return [{ code: 'ends_early', message, start_seconds, end_seconds }];
}

/** Seconds of it; 0 without text to compare with. */
function soundLikeSpeech(heard: Heard, segments: Transcript['segments'], from: number): number {
  const spoken = segments.flatMap(({ start_seconds, end_seconds }) => levelsWithin(heard, start_seconds, end_seconds));
  if (spoken.length === 0) return 0;
  const typical = [...spoken].sort((a, b) => a - b)[Math.floor(spoken.length / 2)]!;
  const silence_db = silenceBelow(heard);
  const after = levelsWithin(heard, from, heard.duration_seconds).filter((level) => level >= silence_db);
  if (after.length === 0 || deviation(after) < CHANGE_DB_MIN) return 0;
  return after.filter((level) => level > typical - AS_LOUD_DB).length * LEVEL_SECONDS;
}

function deviation(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}
