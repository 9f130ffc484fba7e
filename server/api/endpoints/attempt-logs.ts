/** Logs of attempts: sent by the worker that holds the attempt's lease, read by whoever may read the job. */
import { Type } from 'typebox';
import { AttemptLogReceipt } from '../../../protocol/attempt-log.ts';
import { MonitorError } from '../../../protocol/errors.ts';
import { LOG_COMPLETE_HEADER, LOG_END_HEADER } from '../../../protocol/log-limits.ts';
import { closed } from '../../../protocol/schema.ts';
import type { JobRecord } from '../../state-machine/state/records.ts';
import { keepAttemptLog, readAttemptLog } from '../../views/attempt-logs.ts';
import { httpEndpoint } from '../endpoint.ts';
import { findJob } from './find-job.ts';
import { held, leaseHeader } from './job-reports.ts';
import { JobParams } from './jobs.ts';
import { noteHolder } from './sign-of-life.ts';

const AttemptParams = Type.Object({
  ...JobParams.properties,
  attempt: Type.Integer({ minimum: 1, description: 'Number of the attempt, from 1.' }),
});
/** A log of 64 KiB, and what a line more may have. */
const BODY_BYTES_MAX = 256 * 1024;

export const attemptLogEndpoints = [
  httpEndpoint({
    method: 'PUT',
    path: '/jobs/:job_id/attempts/:attempt/log',
    operation: 'jobs.putAttemptLog',
    permission: 'work',
    summary: 'Store the end of the log of the current attempt, at most once a second; the last 64 KiB are kept',
    params: AttemptParams,
    query: Type.Object(
      {
        end_bytes: Type.Integer({
          minimum: 0,
          description: 'Where the text ends: bytes since this worker began with the attempt.',
        }),
      },
      closed,
    ),
    headers: { 'Lease-Token': "The token of the job's lease." },
    consumes: ['text/plain'],
    bodyLimit: BODY_BYTES_MAX,
    responses: { 200: AttemptLogReceipt },
    async run(context, { params, query, body, caller, http }) {
      const { job_id, attempt } = params;
      const token = leaseHeader(http.request.headers['lease-token']);
      const job = await held(context, caller, job_id, token);
      if (job.attempt !== attempt) throw notCurrent(job, attempt);
      noteHolder(context, caller, job);
      const text = typeof body === 'string' ? body : '';
      const lease = `${job.run!.worker_id} ${job.run!.assigned_ms}`;
      const sent = { end_bytes: query.end_bytes, text };
      return { job_id, attempt, end_bytes: await keepAttemptLog(context.store, { job_id, attempt, lease }, sent) };
    },
  }),
  httpEndpoint({
    method: 'GET',
    path: '/jobs/:job_id/attempts/:attempt/log',
    operation: 'jobs.attemptLog',
    permission: 'read',
    summary: `Get the end of an attempt's log. To follow it, ask again with the header ${LOG_END_HEADER} as \`after\`, until ${LOG_COMPLETE_HEADER} is true`,
    params: AttemptParams,
    query: Type.Object(
      {
        after: Type.Optional(
          Type.Integer({ minimum: 0, description: 'Only what follows these bytes. Default 0: all that is kept.' }),
        ),
      },
      closed,
    ),
    responses: { 200: Type.String() },
    produces: ['text/plain'],
    async run(context, { params, query, caller, http: { reply } }) {
      const { job_id, attempt } = params;
      const job = await findJob(context, caller.subject, job_id);
      // Before the log is read: what was sent before the attempt's end is then part of it.
      const complete = isOver(job, attempt);
      const log = await readAttemptLog(context.store, job_id, attempt, query.after ?? 0);
      if (log === null && (complete || job.attempt !== attempt)) throw noLog(job_id, attempt);
      const { end_bytes, text } = log ?? { end_bytes: 0, text: '' };
      reply.type('text/plain; charset=utf-8').header('cache-control', 'no-store');
      reply.header(LOG_END_HEADER, end_bytes).header(LOG_COMPLETE_HEADER, String(complete));
      return reply.send(text);
    },
  }),
];

/** Whether nothing more can be sent about the attempt. One that waits may still begin. */
function isOver({ state, attempt: current }: JobRecord, attempt: number): boolean {
  return attempt < current || state === 'COMPLETED' || state === 'FAILED' || state === 'CANCELLED';
}

function notCurrent({ job_id, attempt, state }: JobRecord, named: number): MonitorError {
  return new MonitorError('conflict', 'attempt_not_current', `${job_id} is in its attempt ${attempt}, not ${named}`, {
    extra: { state },
    hint: 'Send the log of the attempt that the lease is for: `attempt.number` of the claim.',
  });
}

function noLog(job_id: string, attempt: number): MonitorError {
  return new MonitorError('not_found', 'attempt_log_not_found', `there is no log of attempt ${attempt} of ${job_id}`, {
    hint: 'Its worker sent none, or it was deleted with the views of the job.',
  });
}
