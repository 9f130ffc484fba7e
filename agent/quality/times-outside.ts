/**
 * Times that can't be those of the recording: segments that begin after its end, and texts that all stand at one moment, as
 * when they were cut to a wrong length.
 */
import type { QualityReason, Transcript } from '../../protocol/transcript.ts';
import type { Heard } from './heard.ts';
import { place } from './spoken.ts';

/** Whisper pads the last window of 30 s, so that its last segment may end later, but not begin later. */
const PADDED_SECONDS = 30;
const INEXACT_SECONDS = 1;
const WITHOUT_LENGTH_MIN = 3;

export function timesOutside(transcript: Transcript, heard: Heard | null): QualityReason[] {
  const { segments } = transcript;
  const duration_seconds = heard?.duration_seconds ?? transcript.duration_seconds;
  const reasons: QualityReason[] = [];
  const outside = segments.filter(
    ({ start_seconds, end_seconds }) =>
      start_seconds > duration_seconds + INEXACT_SECONDS ||
      end_seconds > duration_seconds + PADDED_SECONDS + INEXACT_SECONDS,
  );
  const [first] = outside;
  if (first !== undefined) {
    const end_seconds = Math.max(...outside.map((segment) => segment.end_seconds));
    const [from, to] = [place(first.start_seconds), place(end_seconds)];
    const count = outside.length === 1 ? 'a segment' : `${outside.length} segments`;
    const message = `${count} at ${from} to ${to}, in a recording of ${duration_seconds.toFixed(1)} s`;
    reasons.push({ code: 'times_outside', message, start_seconds: first.start_seconds, end_seconds });
  }
  const without = segments.filter(({ start_seconds, end_seconds }) => end_seconds - start_seconds < 0.01);
  if (without.length >= WITHOUT_LENGTH_MIN && without.length > segments.length / 2) {
    const message = `${without.length} of ${segments.length} segments have no length`;
    const [start_seconds, end_seconds] = [without[0]!.start_seconds, without.at(-1)!.end_seconds];
    reasons.push({ code: 'times_outside', message, start_seconds, end_seconds });
  }
  return reasons;
}
