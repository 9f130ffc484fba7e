/**
 * Transcripts in the store: `transcripts/{job_id}.json`, created once and never replaced, and beside it the same rendered
 * in the format the job asked for. The first complete one stands: an attempt that finds one there takes over its figures,
 * so that no lost answer, retry or second worker can leave two.
 */
import { MonitorError } from '../../../protocol/errors.ts';
import type { OutputFormat } from '../../../protocol/job.ts';
import { confidenceScore, renderTranscript, type Transcript } from '../../../protocol/transcript.ts';
import type { ObjectStore } from '../../objects/store.ts';
import type { JobRecord } from '../../state-machine/state/records.ts';

const EXTENSIONS = { json: 'json', text: 'txt', srt: 'srt', vtt: 'vtt' } as const;

const transcriptKey = (job_id: string, format: OutputFormat): string => `transcripts/${job_id}.${EXTENSIONS[format]}`;

export async function keepTranscript(store: ObjectStore, job: JobRecord, transcript: Transcript) {
  const { job_id, output_format } = job;
  const bytes = Buffer.from(renderTranscript(transcript, 'json'));
  const { created } = await store.putIfAbsent(transcriptKey(job_id, 'json'), bytes);
  const kept = created ? transcript : await read(store, job);
  if (output_format !== 'json') {
    await store.putIfAbsent(transcriptKey(job_id, output_format), Buffer.from(renderTranscript(kept, output_format)));
  }
  return {
    s3_path: store.locate(transcriptKey(job_id, output_format)),
    segments_count: kept.segments.length,
    confidence_score: confidenceScore(kept),
    already_there: !created,
  };
}

export async function readTranscript(store: ObjectStore, job: JobRecord, format: OutputFormat): Promise<string> {
  return renderTranscript(await read(store, job), format);
}

async function read(store: ObjectStore, job: JobRecord): Promise<Transcript> {
  const got = await store.get(transcriptKey(job.job_id, 'json'));
  if (got.found) return JSON.parse(Buffer.from(got.bytes).toString()) as Transcript;
  const elsewhere = job.output?.s3_path ?? null;
  throw new MonitorError('not_found', 'transcript_not_found', `there is no transcript of ${job.job_id} in this store`, {
    extra: { state: job.state },
    hint:
      elsewhere === null
        ? `The job is ${job.state}; its transcript is there once it is COMPLETED.`
        : `Its worker keeps transcripts itself: ${elsewhere}`,
  });
}
