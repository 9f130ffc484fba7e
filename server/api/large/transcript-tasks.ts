/** What is done with the bytes of a transcript, without a store: in the event loop, or in a thread if they are many. */
import { hash } from 'node:crypto';
import { MonitorError } from '../../../protocol/errors.ts';
import type { OutputFormat } from '../../../protocol/job.ts';
import {
  confidenceScore,
  notesOn,
  renderTranscript,
  type Transcript,
  type TranscriptFormat,
} from '../../../protocol/transcript.ts';
import { excessOfExtra } from '../../../protocol/transcript-extra.ts';
import { TranscriptBody } from '../../../protocol/transcript-schema.ts';
import { seal, unseal } from '../../sealed-json.ts';
import { type Task, verboseJson } from '../../transcripts/verbose-json.ts';
import { invalidPart } from '../errors.ts';
import type { TranscriptionForm } from '../openai/request.ts';
import { renderResponse, streamOf } from '../openai/responses.ts';
import { validator } from '../validation.ts';
import { parseBody } from './unparsed-body.ts';

const INDENT = 2;
/** Fields of transcripts that older versions wrote without a hash. */
const FIELDS_BEFORE = ['text', 'language', 'duration_seconds', 'engine', 'segments'];
/** A body may have as many wrong fields as bytes. */
const ERRORS_MAX = 100;

/** `bytes`: of the request. */
export type SealInput = { bytes: Buffer; job_id: string; format: OutputFormat };
/** `bytes`: of the object in the store. */
export type StoredInput = { bytes: Uint8Array; job_id: string };

export type Figures = ReturnType<typeof figuresOf>;
/** `etag`: of these bytes, without quotes. */
export type Rendering = { bytes: Buffer; etag: string };
/** A transcript as it is stored: as JSON that has its hash, and in the job's format, null if that is JSON. */
export type Sealed = { json: Buffer; rendered: Buffer | null; figures: Figures };

const validate = validator<Transcript>(TranscriptBody);

/** Parses, validates and seals. Throws MonitorError as any request with an invalid body does. */
export function sealBody({ bytes, job_id, format }: SealInput): Sealed {
  const checked = validate(parseBody(bytes));
  if ('errors' in checked) throw invalidPart('body', checked.errors.slice(0, ERRORS_MAX));
  return sealSent(checked.value, job_id, format);
}

/** Throws MonitorError `invalid_body` if its `extra` are too large. */
export function sealSent(transcript: Transcript, job_id: string, format: OutputFormat): Sealed {
  const excess = excessOfExtra(transcript);
  if (excess === null) return sealTranscript(transcript, job_id, format);
  const { field, message } = excess;
  throw new MonitorError('invalid', 'invalid_body', `body: ${field} ${message}`, {
    errors: [{ field, message }],
    hint: 'Leave out the largest fields of extra.',
  });
}

function sealTranscript(transcript: Transcript, job_id: string, format: OutputFormat): Sealed {
  return {
    json: seal({ ...transcript, job_id }, INDENT),
    rendered: format === 'json' ? null : Buffer.from(renderTranscript(transcript, format)),
    figures: figuresOf(transcript),
  };
}

/** Of a transcript that was stored before. Null if it is damaged, or another job's. */
export function openStored(input: StoredInput & { format: OutputFormat }): Omit<Sealed, 'json'> | null {
  const kept = read(input);
  if (!kept) return null;
  const { rendered, figures } = sealTranscript(kept, input.job_id, input.format);
  return { rendered, figures };
}

/** Null if it is damaged, or another job's. */
export function renderStored(input: StoredInput & { format: TranscriptFormat; task: Task }): Rendering | null {
  const kept = read(input);
  if (!kept) return null;
  const bytes = Buffer.from(render(kept, input));
  return { bytes, etag: hash('sha256', bytes, 'hex') };
}

function render(kept: Transcript, { format, task }: { format: TranscriptFormat; task: Task }): string {
  if (format !== 'verbose_json') return renderTranscript(kept, format);
  const hasWords = kept.segments.some(({ words }) => words !== undefined);
  return `${JSON.stringify(verboseJson(kept, { task, granularities: hasWords ? ['segment', 'word'] : ['segment'] }))}\n`;
}

/** Null if it is damaged, or another job's. */
export function notesOnStored(input: StoredInput): ReturnType<typeof notesOn> | null {
  const kept = read(input);
  return kept && notesOn(kept);
}

/** A response of the interface of OpenAI. Null if it is damaged, or another job's. */
export function openAiResponse(
  input: StoredInput & { form: TranscriptionForm; task: Task },
): { type: string; body: Buffer } | null {
  const kept = read(input);
  if (!kept) return null;
  const { type, body } = renderResponse(kept, input.form, input.task);
  return { type, body: Buffer.from(body) };
}

/** The same as a stream of events. Null if it is damaged, or another job's. */
export function openAiStream(input: StoredInput): Buffer | null {
  const kept = read(input);
  return kept && Buffer.from(streamOf(kept).map(eventOf).join(''));
}

export const eventOf = (message: object): string => `data: ${JSON.stringify(message)}\n\n`;

function read({ bytes, job_id }: StoredInput): Transcript | null {
  const kept = unseal<Partial<Transcript> & { job_id?: string }>(bytes, FIELDS_BEFORE);
  // Older versions did not write the job's id.
  const { job_id: of = job_id, ...transcript } = kept ?? {};
  return of === job_id && isTranscript(transcript) ? transcript : null;
}

/** Without a hash, `{}` would pass for one. */
const isTranscript = (value: Partial<Transcript>): value is Transcript =>
  typeof value.text === 'string' && Array.isArray(value.segments);

const figuresOf = (transcript: Transcript) => ({
  segments_count: transcript.segments.length,
  confidence_score: confidenceScore(transcript),
  ...notesOn(transcript),
});
