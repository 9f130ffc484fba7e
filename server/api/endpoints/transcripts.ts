/**
 * Transcripts in the store: `transcripts/{job_id}.json`, created once and never replaced, and a rendering in the job's
 * output format. The first complete transcript is kept, and later attempts get its figures, so that no lost response,
 * retry or second worker leads to two. The JSON names its job and has its own hash; see sealed-json.ts. What is done with
 * its bytes is in ../large/transcript-tasks.ts, since they may be many.
 */
import { MonitorError } from '../../../protocol/errors.ts';
import type { CompletionReport } from '../../../protocol/job.ts';
import { TRANSCRIPT_MEDIA_TYPES, type Transcript, type TranscriptFormat } from '../../../protocol/transcript.ts';
import type { ObjectStore } from '../../objects/store.ts';
import type { JobRecord } from '../../state-machine/state/records.ts';
import { transcriptKey, transcriptKeys } from '../../transcripts/keys.ts';
import type { ApiContext } from '../context.ts';
import { type Rendering, sealSent } from '../large/transcript-tasks.ts';
import { UnparsedBody } from '../large/unparsed-body.ts';

type Parts = Pick<ApiContext, 'store' | 'large'>;

/** Throws MonitorError `invalid_body` if its `extra` are too large. */
export async function keepTranscript({ store, large }: Parts, job: JobRecord, body: Transcript | UnparsedBody) {
  const { job_id, output_format: format } = job;
  const sent =
    body instanceof UnparsedBody
      ? await large.run('sealBody', { bytes: body.bytes, job_id, format })
      : sealSent(body, job_id, format);
  const { created } = await store.putIfAbsent(transcriptKey(job_id, 'json'), sent.json);
  const kept = created
    ? sent
    : await withStored({ store }, job, (bytes) => large.run('openStored', { bytes, job_id, format }));
  if (kept.rendered) await store.putIfAbsent(transcriptKey(job_id, format), kept.rendered);
  return { s3_path: store.locate(transcriptKey(job_id, format)), ...kept.figures, already_there: !created };
}

/** Throws MonitorError: `transcript_not_found`, `transcript_missing`, `transcript_damaged`. */
export function readTranscript({ store, large }: Parts, job: JobRecord, format: TranscriptFormat): Promise<Rendering> {
  const { job_id, options } = job;
  const task = options?.task ?? 'transcribe';
  return withStored({ store }, job, (bytes) => large.run('renderStored', { bytes, job_id, format, task }));
}

/** Of all formats. */
export const TRANSCRIPT_TYPES = [...new Set(Object.values(TRANSCRIPT_MEDIA_TYPES).map((type) => type.split(';')[0]!))];

/**
 * The `warnings` and `suspect` of a completion that has neither, from the transcript in this store that it names: its
 * worker may not know of them. Empty if they can't be read: a completion does not fail for want of them.
 */
export async function withNotes(
  { store, large }: Parts,
  job: JobRecord | undefined,
  output: CompletionReport['output'],
): Promise<CompletionReport['output']> {
  if (output.warnings !== undefined || output.suspect !== undefined) return output;
  if (!job || !isHere(store, job.job_id, output.s3_path)) return output;
  const { job_id } = job;
  const none = { warnings: [], suspect: false };
  const notes = await withStored({ store }, job, (bytes) => large.run('notesOnStored', { bytes, job_id })).catch(
    () => none,
  );
  return { ...output, ...notes };
}

/**
 * What `work` returns for the bytes of the job's transcript; null means that they are damaged. Throws MonitorError:
 * `transcript_not_found`, `transcript_missing`, `transcript_damaged`.
 */
export async function withStored<T>(
  { store }: Pick<ApiContext, 'store'>,
  job: JobRecord,
  work: (bytes: Uint8Array) => Promise<T | null>,
): Promise<T> {
  const { job_id, state } = job;
  const key = transcriptKey(job_id, 'json');
  const got = await store.get(key);
  if (got.found) {
    const result = await work(got.bytes);
    if (result !== null) return result;
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
