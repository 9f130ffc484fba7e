/** Jobs from the side of their clients: submit, list, get, cancel, retry. */
import { type Static, type TSchema, Type } from 'typebox';
import { Erasure } from '../../../protocol/erasure.ts';
import { MonitorError, Problem } from '../../../protocol/errors.ts';
import { Id } from '../../../protocol/ids.ts';
import {
  FINISHED_STATES,
  Job,
  JobBatch,
  JobProgressDocument,
  JobSubmission,
  JobTimeline,
} from '../../../protocol/job.ts';
import { JobQuery } from '../../../protocol/queue.ts';
import { closed } from '../../../protocol/schema.ts';
import { JobWhy } from '../../../protocol/why.ts';
import { isOfTenant } from '../../access/scope.ts';
import { progressDocument, timelineDocument } from '../../documents/job.ts';
import { ownWhy } from '../../documents/own-view.ts';
import { whyDocument } from '../../documents/why.ts';
import type { JobRecord } from '../../state-machine/state/records.ts';
import type { Outlook } from '../../verdicts/forecast.ts';
import type { Unreadable } from '../../views/archive-objects.ts';
import { archivedPage, archivedSince } from '../../views/archived-jobs.ts';
import type { Caller } from '../caller.ts';
import type { ApiContext } from '../context.ts';
import { endpoint } from '../endpoint.ts';
import { statusOf, toProblem } from '../errors.ts';
import { UnparsedBody } from '../large/unparsed-body.ts';
import { invalid, validator } from '../validation.ts';
import { commandOf } from './command.ts';
import { eraseOne } from './erasure.ts';
import { findJob, findReportedJob, type Viewer } from './find-job.ts';
import { jobFor, shown } from './job-for.ts';
import { submitLargeBatch } from './large-batch.ts';
import { type Cursor, decodeCursor, encodeCursor, matcherOf, NEWEST, PAGE_DEFAULT, pageOfJobs } from './listing.ts';
import { submitJobs } from './submit-jobs.ts';
import { versioned } from './versioned.ts';

export const JobParams = Type.Object({ job_id: Id });
export const pageOf = (items: TSchema) =>
  Type.Object({ items: Type.Array(items), next_cursor: Type.Union([Type.String(), Type.Null()]) });

const JobPage = Type.Object({
  ...pageOf(Job).properties,
  unreadable: Type.Optional(
    Type.Array(
      Type.Object({
        key: Type.String({ description: 'Key of the object in the store' }),
        problem: Type.String({ description: 'Why it was skipped: it is missing or damaged' }),
      }),
      {
        description: 'Unreadable objects of the archive, whose jobs may be missing from the list; omitted if none.',
      },
    ),
  ),
});

/** This instance shows a report as soon as it has accepted it. */
const reportedJob = (context: ApiContext, { job_id }: Static<typeof JobParams>, { subject }: Caller) =>
  findReportedJob(context, subject, job_id);

/** A thousand jobs with 16 KiB of metadata each. */
const BATCH_BYTES_MAX = 16 * 1024 * 1024;

export const jobEndpoints = [
  endpoint({
    method: 'POST',
    path: '/jobs',
    operation: 'jobs.submit',
    permission: 'submit',
    summary: 'Submit a recording',
    body: JobSubmission,
    responses: { 201: Job },
    async run(context, { body, caller, reply }) {
      const [job] = await submitJobs(context, caller, [body]);
      if (job instanceof MonitorError) throw job;
      reply.code(201).header('location', `/api/v1/jobs/${job!.job_id}`);
      return job;
    },
  }),
  endpoint({
    method: 'POST',
    path: '/jobs/batch',
    operation: 'jobs.submitBatch',
    permission: 'submit',
    summary: 'Submit up to 1,000 recordings, each with its own result; in one commit if the body has at most 1 MiB',
    body: JobBatch,
    bodyLimit: BATCH_BYTES_MAX,
    large: true,
    responses: {
      200: Type.Object({
        jobs: Type.Array(
          Type.Union([
            Type.Object({ status: Type.Literal(201), job: Job }),
            Type.Object({ status: Type.Integer(), error: Problem }),
          ]),
        ),
      }),
    },
    async run(context, { body, caller, reply }) {
      if (body instanceof UnparsedBody) return submitLargeBatch(context, { body, caller, reply });
      const checked = body.jobs.map((job) => checkSubmission(job));
      const good = checked.flatMap((result) => ('value' in result ? [result.value] : []));
      const jobs = await submitJobs(context, caller, good);
      let next = 0;
      return {
        jobs: checked.map((result) => {
          const job = 'value' in result ? jobs[next++]! : invalid(result.errors, 'job');
          if (!(job instanceof MonitorError)) return { status: 201, job };
          return { status: statusOf(job), error: toProblem(job, caller.request_id) };
        }),
      };
    },
  }),
  endpoint({
    method: 'GET',
    path: '/jobs',
    operation: 'jobs.list',
    permission: 'read',
    summary: 'List jobs, newest first',
    query: JobQuery,
    responses: { 200: JobPage },
    run: (context, { query, caller }) => listJobs(context, query, caller.subject),
  }),
  endpoint({
    method: 'GET',
    path: '/jobs/:job_id',
    operation: 'jobs.get',
    permission: 'read',
    summary: 'Get a job in any state, archived or not',
    params: JobParams,
    responses: { 200: Job },
    etag: true,
    run: versioned({
      async find(context, params: Static<typeof JobParams>, caller) {
        const { job, version } = await reportedJob(context, params, caller);
        return { version, ...jobFor(context, caller.subject, job) };
      },
      version: ({ version, outlook }) => versionWith(version, outlook),
      document: ({ document }) => document(),
    }),
  }),
  endpoint({
    method: 'GET',
    path: '/jobs/:job_id/progress',
    operation: 'jobs.progress',
    permission: 'read',
    summary: 'Get the progress of a job, including reports that this instance has just accepted',
    params: JobParams,
    responses: { 200: JobProgressDocument },
    etag: true,
    run: versioned({
      find: reportedJob,
      version: ({ version }) => version,
      document: ({ job }) => progressDocument(job),
    }),
  }),
  endpoint({
    method: 'GET',
    path: '/jobs/:job_id/timeline',
    operation: 'jobs.timeline',
    permission: 'read',
    summary: 'Get every state that a job has been in',
    params: JobParams,
    responses: { 200: JobTimeline },
    etag: true,
    run: versionedJob(timelineDocument),
  }),
  endpoint({
    method: 'GET',
    path: '/jobs/:job_id/why',
    operation: 'jobs.why',
    permission: 'read',
    summary: 'Get why a job waits, is slow, has failed or costs what it costs, and the call that helps',
    params: JobParams,
    responses: { 200: JobWhy },
    async run(context, { params, caller }) {
      const { job } = await findReportedJob(context, caller.subject, params.job_id);
      const { outlook } = jobFor(context, caller.subject, job);
      const why = whyDocument(context.engine.state, job, outlook);
      return isOfTenant(caller.subject.scope) ? ownWhy(why, job) : why;
    },
  }),
  endpoint({
    method: 'DELETE',
    path: '/jobs/:job_id',
    operation: 'jobs.cancel',
    permission: 'submit',
    summary:
      'Cancel a job: immediately while it waits, otherwise once its worker has stopped; with purge, erase it and everything personal about it',
    params: JobParams,
    query: Type.Object(
      {
        purge: Type.Optional(
          Type.Boolean({
            description:
              'Erase the job: recording, transcript, views, archive and analytics. Refused with 409 `job_running` while a worker holds it.',
          }),
        ),
      },
      closed,
    ),
    responses: { 200: Type.Union([Job, Erasure]), 202: Job },
    async run(context, { params, query, caller, reply }) {
      const { job_id } = params;
      if (query.purge === true) return eraseOne(context, caller, job_id);
      refuseArchived(context, await findJob(context, caller.subject, job_id), 'cancelled');
      await context.engine.submit(commandOf(caller, { type: 'cancel_job', job_id }));
      const job = await findJob(context, caller.subject, job_id);
      reply.code(job.state === 'CANCELLING' ? 202 : 200);
      return shown(context, caller.subject, job);
    },
  }),
  endpoint({
    method: 'POST',
    path: '/jobs/:job_id/retry',
    operation: 'jobs.retry',
    permission: 'submit',
    summary: 'Put a FAILED or CANCELLED job back into the queue with a new set of attempts',
    params: JobParams,
    responses: { 200: Job },
    async run(context, { params, caller }) {
      const { job_id } = params;
      refuseArchived(context, await findJob(context, caller.subject, job_id), 'retried');
      await context.engine.submit(commandOf(caller, { type: 'retry_job', job_id }));
      return shown(context, caller.subject, await findJob(context, caller.subject, job_id));
    },
  }),
];

/** What is expected of a job changes while nothing happens to it. */
function versionWith(version: number | string, { position, start, end }: Outlook): number | string {
  if (position === null && end === null) return version;
  return [version, position, start?.p50_ms, start?.p90_ms, end?.p50_ms, end?.p90_ms].join('.');
}

function versionedJob(document: (job: JobRecord) => object) {
  return versioned({
    find: (context, { job_id }: Static<typeof JobParams>, caller) => findJob(context, caller.subject, job_id),
    version: ({ version }) => version,
    document,
  });
}

const checkSubmission = validator<JobSubmission>(JobSubmission);

/** Refuses to change a job that has left memory: its state is final. */
function refuseArchived({ engine }: ApiContext, job: JobRecord, what: string): void {
  if (engine.state.job(job.job_id)) return;
  throw new MonitorError(
    'conflict',
    'transition_not_allowed',
    `${job.job_id} is ${job.state}, archived, and can't be ${what}`,
    {
      extra: { state: job.state },
      hint: 'Submit the recording again.',
    },
  );
}

/**
 * Lists jobs from memory, then from the archive. A job that leaves memory between two pages keeps its place in the
 * first part, so that it is listed once. Exported for its test.
 */
export async function listJobs(
  context: Pick<ApiContext, 'engine' | 'store' | 'outlooks'>,
  query: JobQuery,
  viewer: Viewer,
) {
  const { scope } = viewer;
  const { engine, store } = context;
  const { state } = engine;
  const limit = query.limit ?? PAGE_DEFAULT;
  const matcher = matcherOf(query, scope);
  const cursor = decodeCursor(query.cursor) ?? { ordinal: NEWEST };
  const { seq = state.seq } = cursor;
  const page: Page = { jobs: [], unreadable: [] };
  if ('ordinal' in cursor) {
    const { jobs, exhausted } = await pageOfJobs(state, { ...query, scope }, cursor.ordinal, limit);
    const from = exhausted ? 0 : jobs.at(-1)!.ordinal;
    const left = await archivedSince(store, state, { since_seq: seq, below: cursor.ordinal, from });
    const all = [...jobs, ...left.jobs.filter((job) => matcher.test(job))].sort((a, b) => b.ordinal - a.ordinal);
    page.jobs.push(...all.slice(0, limit));
    page.unreadable.push(...left.unreadable);
    if (!exhausted || all.length > limit)
      return pageResponse(context, viewer, page, { ordinal: page.jobs.at(-1)!.ordinal, seq });
  }
  const states = FINISHED_STATES.filter((name) => query.state === undefined || query.state === name);
  // A job in the archive has no verdict.
  const archived = query.verdict === undefined && states.length > 0 && state.scalars.archived_jobs > 0;
  if (!archived) return pageResponse(context, viewer, page, null);
  if (page.jobs.length === limit) return pageResponse(context, viewer, page, { archive: '', seq });
  const { jobs, unreadable, next } = await archivedPage(store, state, {
    before: 'archive' in cursor && cursor.archive !== '' ? cursor.archive : undefined,
    limit: limit - page.jobs.length,
    states,
    test: (job) => matcher.test(job),
    through_seq: seq,
  });
  page.jobs.push(...jobs);
  page.unreadable.push(...unreadable);
  return pageResponse(context, viewer, page, next === null ? null : { archive: next, seq });
}

type Page = { jobs: JobRecord[]; unreadable: Unreadable[] };

function pageResponse(
  context: Pick<ApiContext, 'outlooks'>,
  viewer: Viewer,
  { jobs, unreadable }: Page,
  next: Cursor | null,
) {
  return {
    items: jobs.map((job) => shown(context, viewer, job)),
    next_cursor: next === null ? null : encodeCursor(next),
    ...(unreadable.length > 0 && { unreadable }),
  };
}
