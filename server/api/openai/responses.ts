/** A transcript in the formats of OpenAI's API. */
import { type Turn, turnsOf } from '../../../protocol/captions.ts';
import { renderTranscript, TRANSCRIPT_MEDIA_TYPES, type Transcript } from '../../../protocol/transcript.ts';
import { type Task, usageOf, verboseJson } from '../../transcripts/verbose-json.ts';
import type { TranscriptionForm } from './request.ts';

export type { Task };

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
      return asJson(verboseJson(transcript, { task, granularities: timestamp_granularities }));
    case 'diarized_json':
      return asJson({
        task,
        duration: transcript.duration_seconds,
        text: transcript.text,
        segments: transcript.segments.flatMap(turnsOf).map(diarizedSegment),
        usage: usageOf(transcript),
      });
  }
}

/** In OpenAI's form everybody has a name. */
const diarizedSegment = ({ voice, text, start_seconds, end_seconds }: Turn, index: number) => ({
  type: 'transcript.text.segment',
  id: `seg_${index}`,
  start: start_seconds,
  end: end_seconds,
  text,
  speaker: voice ?? 'unknown',
});

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
