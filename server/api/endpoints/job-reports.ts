/** Jobs, as the worker sees them that holds one: progress, transcript, completion, failure. All under the lease's token. */
import { Type } from 'typebox';
import { MonitorError } from '../../../protocol/errors.ts';
import { Id } from '../../../protocol/ids.ts';
import {
  CompletionReport,
  FailureReport,
  Job,
  JobStateName,
  OUTPUT_FORMATS,
  ProgressReport,
} from '../../../protocol/job.ts';
import { closed, Words } from '../../../protocol/schema.ts';
import { TRANSCRIPT_MEDIA_TYPES } from '../../../protocol/transcript.ts';
import { StoredTranscript, TranscriptBody } from '../../../protocol/transcript-schema.ts';
import { jobDocument } from '../../documents/job.ts';
import { Refused } from '../../engine.ts';
import { heldJob } from '../../state-machine/decide/jobs.ts';
import type { JobRecord } from '../../state-machine/state/records.ts';
import type { ApiContext } from '../context.ts';
import { endpoint, httpEndpoint } from '../endpoint.ts';
import { assertWritable } from './assert-writable.ts';
import { catchUp } from './catch-up.ts';
import { commandOf, softCommandOf } from './command.ts';
import { findJob } from './find-job.ts';
import { JobParams } from './jobs.ts';
import { noteReport } from './sign-of-life.ts';
import { keepTranscript, readTranscript } from './transcripts.ts';

/** Ten hours of speech with every segment's times are about 5 MB. */
const TRANSCRIPT_BYTES_MAX = 64 * 1024 * 1024;

export const jobReportEndpoints = [
  endpoint({
    method: 'PUT',
    path: '/jobs/:job_id/progress',
    operation: 'jobs.reportProgress',
    summary: 'Say how far a job is; may be lost in a crash within the soft linger',
    params: JobParams,
    body: ProgressReport,
    answers: { 202: Type.Object({ job_id: Id, state: JobStateName }) },
    async run(context, { params, body, caller, reply }) {
      const job = await held(context, params.job_id, body.lease_token);
      const { job_id, state } = job;
      assertWritable(context);
      noteReport(context, caller, job_id, body.lease_token);
      context.engine.submitSoft(softCommandOf(caller, { type: 'report_progress', job_id, report: body }));
      reply.code(202);
      return { job_id, state };
    },
  }),
  httpEndpoint({
    method: 'PUT',
    path: '/jobs/:job_id/transcript',
    operation: 'jobs.putTranscript',
    summary: 'Store the transcript; once only, whatever retries there are',
    params: JobParams,
    body: TranscriptBody,
    bodyLimit: TRANSCRIPT_BYTES_MAX,
    headers: { 'Lease-Token': 'The token of the lease under which the job is worked on.' },
    answers: { 200: StoredTranscript },
    async run(context, { params, body, caller, http }) {
      const token = leaseHeader(http.request.headers['lease-token']);
      const job = await held(context, params.job_id, token);
      noteReport(context, caller, params.job_id, token);
      return keepTranscript(context.store, job, body);
    },
  }),
  httpEndpoint({
    method: 'GET',
    path: '/jobs/:job_id/transcript',
    operation: 'jobs.transcript',
    summary: 'The transcript, in the format the job asked for or another',
    params: JobParams,
    query: Type.Object({ format: Type.Optional(Words(OUTPUT_FORMATS, "Default: the job's output_format.")) }, closed),
    answers: { 200: Type.String() },
    produces: Object.values(TRANSCRIPT_MEDIA_TYPES).map((type) => type.split(';')[0]!),
    async run(context, { params, query, http: { reply } }) {
      const job = await findJob(context, params.job_id);
      const format = query.format ?? job.output_format;
      reply.type(TRANSCRIPT_MEDIA_TYPES[format]);
      return reply.send(await readTranscript(context.store, job, format));
    },
  }),
  endpoint({
    method: 'POST',
    path: '/jobs/:job_id/complete',
    operation: 'jobs.complete',
    summary: 'The transcript is there: the job is COMPLETED',
    params: JobParams,
    body: CompletionReport,
    answers: { 200: Job },
    async run(context, { params, body, caller }) {
      const { job_id } = params;
      const { lease_token, output } = body;
      const over = await overAlready(context, job_id, lease_token);
      if (over) return jobDocument(over);
      noteReport(context, caller, job_id, lease_token);
      await context.engine.submit(commandOf(caller, { type: 'complete_job', job_id, lease_token, output }));
      return jobDocument(await findJob(context, job_id));
    },
  }),
  endpoint({
    method: 'POST',
    path: '/jobs/:job_id/fail',
    operation: 'jobs.fail',
    summary: 'The attempt failed: another follows if it can help, else the job is FAILED and a dead letter',
    params: JobParams,
    body: FailureReport,
    answers: { 200: Job },
    async run(context, { params, body, caller }) {
      const { job_id } = params;
      const { lease_token, error, retry_with } = body;
      const batch_size = retry_with?.batch_size ?? null;
      const over = await overAlready(context, job_id, lease_token);
      if (over) return jobDocument(over);
      noteReport(context, caller, job_id, lease_token);
      await context.engine.submit(
        commandOf(caller, { type: 'fail_job', job_id, lease_token, error, batch_size, jitter: Math.random() }),
      );
      return jobDocument(await findJob(context, job_id));
    },
  }),
];

/** The job, if the token is its current lease; another instance may have handed it out a moment ago. */
async function held(context: ApiContext, job_id: string, token: string): Promise<JobRecord> {
  const { engine } = context;
  const job = heldJob(engine.state, job_id, token);
  if (!('refusal' in job)) return job;
  await catchUp(context);
  const again = heldJob(engine.state, job_id, token);
  if (!('refusal' in again)) return again;
  if (!engine.state.job(job_id)) throw leaseExpired(await findJob(context, job_id));
  throw new Refused(again.refusal);
}

/** A job that has left memory is over. Its last attempt hears that it is; any other, that its lease is gone. */
async function overAlready(context: ApiContext, job_id: string, token: string): Promise<JobRecord | null> {
  const { engine } = context;
  if (engine.state.job(job_id)) return null;
  const job = await findJob(context, job_id);
  if (engine.state.job(job_id)) return null;
  if (job.run?.token === token) return job;
  throw leaseExpired(job);
}

function leaseExpired({ job_id, state }: JobRecord): MonitorError {
  return new MonitorError('conflict', 'lease_expired', `the lease on ${job_id} is no longer yours: it is ${state}`, {
    extra: { state },
    hint: 'Stop this attempt and write nothing; claim again.',
  });
}

function leaseHeader(value: string | string[] | undefined): string {
  if (typeof value === 'string' && value !== '') return value;
  throw new MonitorError('invalid', 'lease_token_missing', 'the header Lease-Token is missing', {
    hint: 'Send the token that the claim answered.',
  });
}
