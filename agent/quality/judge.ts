/**
 * What speaks against a transcript: text where nothing is heard, a loop, an end long before the recording's, times outside
 * of it. Recognisers of the Whisper family make such transcripts with full confidence. Pure; the figures are calibrated
 * in calibration.test.ts.
 */
import type { QualityReason, Transcript, TranscriptQuality } from '../../protocol/transcript.ts';
import { endsEarly } from './ends-early.ts';
import type { Heard } from './heard.ts';
import { overSilence } from './over-silence.ts';
import { repetitions } from './repetition.ts';
import { timesOutside } from './times-outside.ts';

/** `heard`: null if the audio could not be measured; then only the text and its times are checked. */
export function judge(transcript: Transcript, heard: Heard | null): TranscriptQuality {
  const reasons = [
    ...timesOutside(transcript, heard),
    ...overSilence(transcript, heard),
    ...repetitions(transcript),
    ...endsEarly(transcript, heard),
  ];
  return { suspect: reasons.length > 0, reasons: reasons.slice(0, REASONS_MAX).map(rounded) };
}

const REASONS_MAX = 100;

/** Of two transcripts of one recording, whether the second has less against it. */
export function isBetter(second: TranscriptQuality, first: TranscriptQuality): boolean {
  return against(second) < against(first);
}

/** Seconds of the recording for which the transcript is wrong, and a little for each reason. */
const against = ({ reasons }: TranscriptQuality): number =>
  reasons.reduce((sum, { start_seconds, end_seconds }) => sum + 1 + (end_seconds - start_seconds), 0);

const milliseconds = (seconds: number): number => Math.round(seconds * 1000) / 1000;

function rounded({ code, message, start_seconds, end_seconds }: QualityReason): QualityReason {
  const start = Math.max(0, milliseconds(start_seconds));
  return { code, message, start_seconds: start, end_seconds: Math.max(start, milliseconds(end_seconds)) };
}
