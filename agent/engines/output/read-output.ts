/**
 * Reads what a program wrote as a transcript, in the forms that recognisers write:
 *
 *     {…} […]        JSON: ours, of the Whisper family, whisper.cpp's, words without segments; see json.ts
 *     {…}\n{…}       a JSON object on each line, a segment each
 *     1\n00:00 -->   SubRip and WebVTT, and the lines that Whisper programs print; see cues.ts
 *     start\tend\t…  Whisper's TSV, Audacity's labels; see columns.ts
 *     anything else  plain text, one segment over the whole audio
 *
 * What looks like data and can't be read as a transcript is an error with the reason: it is never taken for spoken text.
 */
import type { Transcript } from '../../../protocol/transcript.ts';
import { assembleTranscript, type SpokenSegment, type TranscriptFacts, transcriptOfText } from '../read-transcript.ts';
import { readColumns } from './columns.ts';
import { readCues } from './cues.ts';
import { decodeText } from './decode-text.ts';
import { looksLikeJson, readJson } from './json.ts';
import { NotATranscript, type WrittenSegment, type WrittenTranscript } from './written.ts';

/** `ends`: whether the form shows where it ends, so that an output that was cut is an error. */
export type ReadOutput = { transcript: Transcript; ends: boolean };

/** Throws NotATranscript. */
export function readOutput(bytes: Uint8Array, facts: TranscriptFacts): ReadOutput {
  const text = decodeText(bytes);
  if (text.includes('\0')) throw new NotATranscript('it is binary');
  if (/^\s*<(?:\?xml|!doctype|html|tt)\b/i.test(text)) throw new NotATranscript('it is XML or HTML');
  const json = looksLikeJson(text);
  const written = json ? readJson(text) : (readCues(text) ?? readColumns(text));
  return { transcript: written ? assemble(written, facts) : transcriptOfText(text, facts), ends: json };
}

function assemble(written: WrittenTranscript, facts: TranscriptFacts): Transcript {
  const { segments, language, extra, model = facts.model } = written;
  const duration_seconds = written.duration_seconds ?? facts.duration_seconds;
  const measured = written.duration_seconds !== null;
  const known = { ...facts, duration_seconds, language, measured, model, extra };
  const untimed = segments.every(({ start_seconds, end_seconds }) => start_seconds === null && end_seconds === null);
  if (untimed) return transcriptOfText(segments.map(({ text }) => text.trim()).join(' '), known);
  return assembleTranscript(withTimes(segments, duration_seconds), known);
}

/** A segment without a start begins where the one before it ends; one without an end ends where the next begins. */
function withTimes(segments: readonly WrittenSegment[], duration_seconds: number | null): SpokenSegment[] {
  let before = 0;
  return segments.map(({ start_seconds, end_seconds, ...said }, at) => {
    const start = start_seconds ?? before;
    const next = segments[at + 1]?.start_seconds ?? (at + 1 === segments.length ? duration_seconds : null);
    const end = Math.max(start, end_seconds ?? next ?? start);
    before = end;
    return { start_seconds: start, end_seconds: end, ...said };
  });
}
