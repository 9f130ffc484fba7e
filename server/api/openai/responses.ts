/** A transcript in the formats of OpenAI's API. */
import { deflateSync } from 'node:zlib';
import {
  renderTranscript,
  TRANSCRIPT_MEDIA_TYPES,
  type Transcript,
  type TranscriptSegment,
} from '../../../protocol/transcript.ts';
import type { TranscriptionForm } from './request.ts';

export type Task = 'transcribe' | 'translate';

/** The body of a response, and its media type. */
export function renderResponse(
  transcript: Transcript,
  { response_format = 'json', timestamp_granularities = ['segment'] }: TranscriptionForm,
  task: Task,
): { type: string; body: string } {
  switch (response_format) {
    case 'text':
    case 'srt':
    case 'vtt':
      return { type: TRANSCRIPT_MEDIA_TYPES[response_format], body: renderTranscript(transcript, response_format) };
    case 'json':
      return asJson({ text: transcript.text, usage: usageOf(transcript) });
    case 'verbose_json':
      return asJson({
        task,
        language: languageName(transcript.language),
        duration: transcript.duration_seconds,
        text: transcript.text,
        ...(timestamp_granularities.includes('segment') && { segments: transcript.segments.map(verboseSegment) }),
        ...(timestamp_granularities.includes('word') && { words: transcript.segments.flatMap(wordsOf) }),
        usage: usageOf(transcript),
      });
  }
}

/** The messages of a stream: the text in pieces, then whole. The pieces, joined, are the text. */
export function streamOf(transcript: Transcript): { type: string; [field: string]: unknown }[] {
  const deltas = transcript.segments
    .map(({ text }) => text.trim())
    .filter((text) => text !== '')
    .map((text, index) => ({ type: 'transcript.text.delta', delta: index === 0 ? text : ` ${text}` }));
  const text = deltas.map(({ delta }) => delta).join('');
  return [...deltas, { type: 'transcript.text.done', text, usage: usageOf(transcript) }];
}

const asJson = (value: object) => ({ type: 'application/json', body: JSON.stringify(value) });

const usageOf = ({ duration_seconds }: Transcript) => ({ type: 'duration', seconds: Math.ceil(duration_seconds) });

/** The fields that OpenAI's clients expect. Those that only a decoder knows have the values of a certain one. */
const verboseSegment = ({ id, start_seconds, end_seconds, text, confidence, no_speech = 0 }: TranscriptSegment) => ({
  id,
  seek: Math.round(start_seconds * FRAMES_PER_SECOND),
  start: start_seconds,
  end: end_seconds,
  text,
  tokens: [],
  temperature: 0,
  avg_logprob: confidence === null ? 0 : Math.log(Math.max(confidence, Number.MIN_VALUE)),
  compression_ratio: compressionRatio(text),
  no_speech_prob: no_speech,
});

const wordsOf = ({ words = [] }: TranscriptSegment) =>
  words.map(({ start_seconds, end_seconds, text }) => ({ word: text.trim(), start: start_seconds, end: end_seconds }));

/** Whisper's frames: 10 ms each. */
const FRAMES_PER_SECOND = 100;

/** As Whisper computes it: high for text that repeats itself. */
function compressionRatio(text: string): number {
  const bytes = Buffer.from(text);
  return bytes.length / deflateSync(bytes).length;
}

const LANGUAGES = new Intl.DisplayNames(['en'], { type: 'language' });

/** `en` is `english`, as in OpenAI's responses; a code that has no name is returned as it is. */
function languageName(code: string | null): string {
  if (code === null) return 'unknown';
  try {
    return (LANGUAGES.of(code) ?? code).toLowerCase();
  } catch {
    return code;
  }
}
