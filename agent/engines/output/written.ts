/** What a program's output says, before it becomes a transcript. */
import type { Details } from './details.ts';
import type { OutputFacts } from './extra.ts';

/** Times may be unknown, until `withTimes` has filled them in. */
export type WrittenSegment = {
  start_seconds: number | null;
  end_seconds: number | null;
  text: string;
  confidence: number | null;
} & Details;

export type WrittenTranscript = {
  segments: WrittenSegment[];
  language: string | null;
  /** Length of the audio; null if the output doesn't say. */
  duration_seconds: number | null;
} & OutputFacts;

/** Why an output is no transcript, for people. */
export class NotATranscript extends Error {}
