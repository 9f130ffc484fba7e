/** The path of submissions to jobs: what the caller may submit, what is checked before the commit, and the documents after it. */
import { MonitorError } from '../../../protocol/errors.ts';
import type { Job, JobSubmission } from '../../../protocol/job.ts';
import { formatTraceparent, parseTraceparent } from '../../../protocol/trace-context.ts';
import { assertTags, tenantFor } from '../../access/check.ts';
import { Refused } from '../../engine.ts';
import { newId } from '../../ids.ts';
import type { Command, CommandBody } from '../../state-machine/decide/commands.ts';
import { submissionRefusal } from '../../state-machine/decide/tenants.ts';
import type { Caller } from '../caller.ts';
import type { ApiContext } from '../context.ts';
import { commandOf } from './command.ts';
import { findJob } from './find-job.ts';
import { shown } from './job-for.ts';
import { checkSubmissions } from './submission.ts';

type Submitted = JobSubmission & { job_id: string };

/** Returns the jobs in the order of their submissions; for refused ones the error. `content` identifies the request. */
export async function submitJobs(
  context: ApiContext,
  caller: Caller,
  submissions: readonly JobSubmission[],
  content: readonly unknown[] = caller.content,
): Promise<(Job | MonitorError)[]> {
  assertAllowed(caller, submissions);
  return submitAllowed(context, caller, submissions, (body) => commandOf(caller, body, content));
}

/** Throws MonitorError if the caller may not submit one of them: `tag_required`, `tenant_not_allowed`. */
export function assertAllowed(
  { subject }: Caller,
  submissions: readonly Pick<JobSubmission, 'tags' | 'tenant'>[],
): void {
  for (const { tags } of submissions) assertTags(subject, tags);
  for (const { tenant } of submissions) tenantFor(subject, tenant);
}

/** Throws Refused if a quota does not have room for all of them. The commit decides; this is for what takes several commits. */
export function assertRoom(
  { engine }: Pick<ApiContext, 'engine'>,
  caller: Caller,
  submissions: readonly Pick<JobSubmission, 'tenant' | 'duration_seconds'>[],
): void {
  const jobs = submissions.map(({ tenant: named, duration_seconds }) => {
    const tenant = tenantFor(caller.subject, named);
    return { duration_seconds, ...(tenant === undefined ? {} : { tenant }) };
  });
  const refusal = submissionRefusal(engine.state, jobs, submitterOf(caller).submitted_by, engine.journal.now());
  if (refusal) throw new Refused(refusal);
}

/** Like `submitJobs`, with a command of `commandFor`, for submissions that the caller may make. */
export async function submitAllowed(
  context: ApiContext,
  caller: Caller,
  submissions: readonly JobSubmission[],
  commandFor: (body: CommandBody) => Command,
): Promise<(Job | MonitorError)[]> {
  const trace = traceOf(caller);
  const submitted: Submitted[] = submissions.map(({ tenant: named, ...submission }) => {
    const tenant = tenantFor(caller.subject, named);
    return { job_id: newId('job'), ...trace, ...submission, ...(tenant === undefined ? {} : { tenant }) };
  });
  const wrong = await checkSubmissions(context, caller.subject, submitted);
  const jobs = submitted.filter(({ job_id }) => !wrong.has(job_id));
  const documents = jobs.length > 0 ? await submitGood(context, caller, jobs, commandFor) : [];
  if (documents.length !== jobs.length) {
    throw new MonitorError(
      'conflict',
      'upload_gone',
      'an upload of this batch was removed after the batch had been submitted',
      {
        hint: 'GET /api/v1/jobs lists the jobs of the first submission.',
      },
    );
  }
  let next = 0;
  return submitted.map(({ job_id }) => wrong.get(job_id) ?? documents[next++]!);
}

/** The trace of the request, for jobs that name none; nothing if the header is not valid. */
function traceOf({ traceparent }: Caller): Pick<JobSubmission, 'traceparent'> {
  const context = parseTraceparent(traceparent);
  return context ? { traceparent: formatTraceparent(context) } : {};
}

/** Without keys all jobs are everybody's. */
const submitterOf = ({ subject }: Caller): { submitted_by?: string } =>
  subject.role === null ? {} : { submitted_by: subject.actor };

async function submitGood(
  context: ApiContext,
  caller: Caller,
  jobs: Submitted[],
  commandFor: (body: CommandBody) => Command,
) {
  const { refs } = await context.engine.submit(commandFor({ type: 'submit_jobs', jobs, ...submitterOf(caller) }));
  // For a repeated command, the ids of the first time.
  const ids = refs.flatMap(([type, job_id]) => (type === 'JobSubmitted' ? [job_id] : []));
  return Promise.all(
    ids.map(async (job_id) => shown(context, caller.subject, await findJob(context, caller.subject, job_id))),
  );
}
