/**
 * Transcripts in the store: `transcripts/{job_id}.json`, created once and never replaced, and a rendering in the job's
 * output format. The first complete transcript is kept, and later attempts get its figures, so that no lost response,
 * retry or second worker leads to two. The JSON names its job and has its own hash; see sealed-json.ts.
 */
import { MonitorError } from '../../../protocol/errors.ts';
import type { CompletionReport } from '../../../protocol/job.ts';
import {
  confidenceScore,
  notesOn,
  renderTranscript,
  TRANSCRIPT_MEDIA_TYPES,
  type Transcript,
  type TranscriptFormat,
} from '../../../protocol/transcript.ts';
import { excessOfExtra } from '../../../protocol/transcript-extra.ts';
import type { ObjectStore } from '../../objects/store.ts';
import { seal, unseal } from '../../sealed-json.ts';
import type { JobRecord } from '../../state-machine/state/records.ts';
import { transcriptKey, transcriptKeys } from '../../transcripts/keys.ts';
import { verboseJson } from '../../transcripts/verbose-json.ts';

const INDENT = 2;
/** Fields of transcripts that older versions wrote without a hash. */
const FIELDS_BEFORE = ['text', 'language', 'duration_seconds', 'engine', 'segments'];

/** Throws MonitorError `invalid_body` if its `extra` are too large. */
export async function keepTranscript(store: ObjectStore, job: JobRecord, transcript: Transcript) {
  const { job_id, output_format } = job;
  assertExtraFits(transcript);
  const { created } = await store.putIfAbsent(transcriptKey(job_id, 'json'), seal({ ...transcript, job_id }, INDENT));
  const kept = created ? transcript : await read(store, job);
  if (output_format !== 'json') {
    await store.putIfAbsent(transcriptKey(job_id, output_format), Buffer.from(renderTranscript(kept, output_format)));
  }
  return {
    s3_path: store.locate(transcriptKey(job_id, output_format)),
    segments_count: kept.segments.length,
    confidence_score: confidenceScore(kept),
    ...notesOn(kept),
    already_there: !created,
  };
}

/** Throws MonitorError: `transcript_not_found`, `transcript_missing`, `transcript_damaged`. */
export async function readTranscript(store: ObjectStore, job: JobRecord, format: TranscriptFormat): Promise<string> {
  const transcript = await read(store, job);
  if (format !== 'verbose_json') return renderTranscript(transcript, format);
  const hasWords = transcript.segments.some(({ words }) => words !== undefined);
  const task = job.options?.task ?? 'transcribe';
  return `${JSON.stringify(verboseJson(transcript, { task, granularities: hasWords ? ['segment', 'word'] : ['segment'] }))}\n`;
}

/** Of all formats. */
export const TRANSCRIPT_TYPES = [...new Set(Object.values(TRANSCRIPT_MEDIA_TYPES).map((type) => type.split(';')[0]!))];

/**
 * The `warnings` and `suspect` of a completion that has neither, from the transcript in this store that it names: its
 * worker may not know of them. Empty if they can't be read: a completion does not fail for want of them.
 */
export async function withNotes(
  store: ObjectStore,
  job: JobRecord | undefined,
  output: CompletionReport['output'],
): Promise<CompletionReport['output']> {
  if (output.warnings !== undefined || output.suspect !== undefined) return output;
  if (!job || !isHere(store, job.job_id, output.s3_path)) return output;
  const kept = await read(store, job).catch(() => ({}));
  return { ...output, ...notesOn(kept) };
}

function assertExtraFits(transcript: Transcript): void {
  const excess = excessOfExtra(transcript);
  if (excess === null) return;
  const { field, message } = excess;
  throw new MonitorError('invalid', 'invalid_body', `body: ${field} ${message}`, {
    errors: [{ field, message }],
    hint: 'Leave out the largest fields of extra.',
  });
}

async function read(store: ObjectStore, job: JobRecord): Promise<Transcript> {
  const { job_id, state } = job;
  const key = transcriptKey(job_id, 'json');
  const got = await store.get(key);
  if (got.found) {
    const kept = unseal<Partial<Transcript> & { job_id?: string }>(got.bytes, FIELDS_BEFORE);
    // Older versions did not write the job's id.
    const { job_id: of = job_id, ...transcript } = kept ?? {};
    if (of === job_id && isTranscript(transcript)) return transcript;
    throw new MonitorError('corrupt', 'transcript_damaged', `${key} is damaged`, {
      extra: { key, state },
      hint: 'Restore that object from a copy of the store, or submit the recording again.',
    });
  }
  const path = job.output?.s3_path ?? null;
  if (path !== null && isHere(store, job_id, path)) {
    throw new MonitorError('corrupt', 'transcript_missing', `${key} is missing, though ${job_id} is ${state}`, {
      extra: { key, state },
      hint: 'Restore that object from a copy of the store, or submit the recording again.',
    });
  }
  throw new MonitorError('not_found', 'transcript_not_found', `there is no transcript of ${job_id} in this store`, {
    extra: { state },
    hint:
      path === null
        ? `The job is ${state}; its transcript exists once it is COMPLETED.`
        : `Its worker stored the transcript elsewhere: ${path}`,
  });
}

/** Whether the path is that of a transcript in this store. */
const isHere = (store: ObjectStore, job_id: string, path: string): boolean =>
  transcriptKeys(job_id).some((key) => path === store.locate(key));

/** Without a hash, `{}` would pass for one. */
const isTranscript = (value: Partial<Transcript>): value is Transcript =>
  typeof value.text === 'string' && Array.isArray(value.segments);
