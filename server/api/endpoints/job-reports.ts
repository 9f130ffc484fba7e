/**
 * Jobs from the side of their worker: progress, transcript, completion, failure. Reports need the token of the lease.
 */
import { Type } from 'typebox';
import { MonitorError } from '../../../protocol/errors.ts';
import { Id } from '../../../protocol/ids.ts';
import { CompletionReport, FailureReport, Job, JobStateName, ProgressReport } from '../../../protocol/job.ts';
import { closed, Words } from '../../../protocol/schema.ts';
import { TRANSCRIPT_FORMATS, TRANSCRIPT_MEDIA_TYPES } from '../../../protocol/transcript.ts';
import { StoredTranscript, TranscriptBody } from '../../../protocol/transcript-schema.ts';
import { assertWorker } from '../../access/check.ts';
import type { Subject } from '../../access/subject.ts';
import { Refused } from '../../engine.ts';
import { heldJob } from '../../state-machine/decide/jobs.ts';
import type { JobRecord } from '../../state-machine/state/records.ts';
import type { Caller } from '../caller.ts';
import type { ApiContext } from '../context.ts';
import { endpoint, httpEndpoint } from '../endpoint.ts';
import { sendBytes } from '../http/byte-range.ts';
import { assertWritable } from './assert-writable.ts';
import { catchUp } from './catch-up.ts';
import { commandOf, softCommandOf } from './command.ts';
import { assertVisible, findJob } from './find-job.ts';
import { shownToWorker } from './job-for.ts';
import { JobParams } from './jobs.ts';
import { noteHolder, noteReport } from './sign-of-life.ts';
import { keepTranscript, readTranscript, TRANSCRIPT_TYPES, withNotes } from './transcripts.ts';

/** Ten hours of speech with every segment's times are about 5 MB, with every word's 20 MB. */
const TRANSCRIPT_BYTES_MAX = 64 * 1024 * 1024;

export const jobReportEndpoints = [
  endpoint({
    method: 'PUT',
    path: '/jobs/:job_id/progress',
    operation: 'jobs.reportProgress',
    permission: 'work',
    summary: 'Report the progress of a job; a crash within the soft linger may lose it',
    params: JobParams,
    body: ProgressReport,
    responses: { 202: Type.Object({ job_id: Id, state: JobStateName }) },
    async run(context, { params, body, caller, reply }) {
      const job = await held(context, caller, params.job_id, body.lease_token);
      const { job_id, state } = job;
      assertWritable(context);
      noteHolder(context, caller, job);
      context.engine.submitSoft(softCommandOf(caller, { type: 'report_progress', job_id, report: body }));
      reply.code(202);
      return { job_id, state };
    },
  }),
  httpEndpoint({
    method: 'PUT',
    path: '/jobs/:job_id/transcript',
    operation: 'jobs.putTranscript',
    permission: 'work',
    summary: 'Store the transcript; the first complete one is kept',
    params: JobParams,
    body: TranscriptBody,
    bodyLimit: TRANSCRIPT_BYTES_MAX,
    large: true,
    headers: { 'Lease-Token': "The token of the job's lease." },
    responses: { 200: StoredTranscript },
    async run(context, { params, body, caller, http }) {
      const token = leaseHeader(http.request.headers['lease-token']);
      const job = await held(context, caller, params.job_id, token);
      noteHolder(context, caller, job);
      return keepTranscript(context, job, body);
    },
  }),
  httpEndpoint({
    method: 'GET',
    path: '/jobs/:job_id/transcript',
    operation: 'jobs.transcript',
    permission: 'read',
    summary: "Get the transcript, in the job's output_format or another, or a range of its bytes",
    params: JobParams,
    query: Type.Object(
      {
        format: Type.Optional(
          Words(TRANSCRIPT_FORMATS, "Default: the job's output_format. `verbose_json`: in the form of OpenAI's API."),
        ),
      },
      closed,
    ),
    responses: { 200: Type.String(), 206: Type.String() },
    produces: TRANSCRIPT_TYPES,
    etag: true,
    async run(context, { params, query, caller, http }) {
      const job = await findJob(context, caller.subject, params.job_id);
      const format = query.format ?? job.output_format;
      const rendering = await readTranscript(context, job, format);
      const type = TRANSCRIPT_MEDIA_TYPES[format];
      return sendBytes(http, { ...rendering, type, what: 'the transcript', caller });
    },
  }),
  endpoint({
    method: 'POST',
    path: '/jobs/:job_id/complete',
    operation: 'jobs.complete',
    permission: 'work',
    summary: 'Complete a job whose transcript is stored',
    params: JobParams,
    body: CompletionReport,
    responses: { 200: Job },
    async run(context, { params, body, caller }) {
      const { job_id } = params;
      const { lease_token } = body;
      const over = await overAlready(context, caller, job_id, lease_token);
      if (over) return shownToWorker(context, caller.subject, over);
      noteReport(context, caller, job_id, lease_token);
      const output = await withNotes(context, context.engine.state.job(job_id), body.output);
      await context.engine.submit(commandOf(caller, { type: 'complete_job', job_id, lease_token, output }));
      return shownToWorker(context, caller.subject, await findJob(context, caller.subject, job_id));
    },
  }),
  endpoint({
    method: 'POST',
    path: '/jobs/:job_id/fail',
    operation: 'jobs.fail',
    permission: 'work',
    summary: 'Report a failed attempt: the job is retried if the error allows it, otherwise FAILED and a dead letter',
    params: JobParams,
    body: FailureReport,
    responses: { 200: Job },
    async run(context, { params, body, caller }) {
      const { job_id } = params;
      const { lease_token, error, retry_with } = body;
      const batch_size = retry_with?.batch_size ?? null;
      const over = await overAlready(context, caller, job_id, lease_token);
      if (over) return shownToWorker(context, caller.subject, over);
      noteReport(context, caller, job_id, lease_token);
      await context.engine.submit(
        commandOf(caller, { type: 'fail_job', job_id, lease_token, error, batch_size, jitter: Math.random() }),
      );
      return shownToWorker(context, caller.subject, await findJob(context, caller.subject, job_id));
    },
  }),
];

/** Returns the job if the token is its current lease, which another instance may just have granted. */
export async function held(context: ApiContext, caller: Caller, job_id: string, token: string): Promise<JobRecord> {
  const job = await heldByAny(context, caller, job_id, token);
  assertHolder(caller.subject, job);
  return job;
}

async function heldByAny(context: ApiContext, caller: Caller, job_id: string, token: string): Promise<JobRecord> {
  const { engine } = context;
  assertVisible(context, caller.subject, job_id);
  const job = heldJob(engine.state, job_id, token);
  if (!('refusal' in job)) return job;
  await catchUp(context);
  assertVisible(context, caller.subject, job_id);
  const again = heldJob(engine.state, job_id, token);
  if (!('refusal' in again)) return again;
  if (!engine.state.job(job_id)) throw leaseExpired(await findJob(context, caller.subject, job_id));
  throw new Refused(again.refusal);
}

/** Returns a job that has left memory to its last attempt; to any other attempt, throws `lease_expired`. */
async function overAlready(
  context: ApiContext,
  caller: Caller,
  job_id: string,
  token: string,
): Promise<JobRecord | null> {
  const { engine } = context;
  assertVisible(context, caller.subject, job_id);
  const here = engine.state.job(job_id);
  if (here) assertHolder(caller.subject, here);
  if (here) return null;
  const job = await findJob(context, caller.subject, job_id);
  if (engine.state.job(job_id)) return null;
  assertHolder(caller.subject, job);
  if (job.run?.token === token) return job;
  throw leaseExpired(job);
}

/** A key that is narrowed to a worker reports only on jobs of that worker. */
function assertHolder(subject: Subject, { run }: JobRecord): void {
  if (run) assertWorker(subject, run.worker_id);
}

function leaseExpired({ job_id, state }: JobRecord): MonitorError {
  return new MonitorError('conflict', 'lease_expired', `the lease on ${job_id} is no longer yours: it is ${state}`, {
    extra: { state },
    hint: 'Stop this attempt and write nothing; claim again.',
  });
}

export function leaseHeader(value: string | string[] | undefined): string {
  if (typeof value === 'string' && value !== '') return value;
  throw new MonitorError('invalid', 'lease_token_missing', 'the header Lease-Token is missing', {
    hint: 'Send the lease token returned by the claim.',
  });
}
