/** Erasure of one job or of all that match a filter, and the rules of retention by which jobs are erased. */
import { type Erasure, ErasureAnswer, ErasureRequest, Retention } from '../../../protocol/erasure.ts';
import { MonitorError } from '../../../protocol/errors.ts';
import type { JobFilter } from '../../../protocol/queue.ts';
import { formatTime, parseTime } from '../../../protocol/time.ts';
import { inScope } from '../../access/scope.ts';
import { elsewhere, erasureDocument } from '../../documents/erasure.ts';
import { Refused } from '../../engine.ts';
import { eraseJobs, findMatching } from '../../erasure/erase.ts';
import { journalUntil } from '../../erasure/erasing.ts';
import { JobMatcher } from '../../state-machine/decide/match.ts';
import type { ErasureRecord } from '../../state-machine/state/erasures.ts';
import type { JobRecord } from '../../state-machine/state/records.ts';
import { transcriptKeys } from '../../transcripts/keys.ts';
import type { Caller } from '../caller.ts';
import type { ApiContext } from '../context.ts';
import { endpoint } from '../endpoint.ts';
import { invalidPart } from '../errors.ts';
import { catchUp } from './catch-up.ts';
import { freshCommandOf } from './command.ts';
import { findJob } from './find-job.ts';

const PAGE_MAX = 1_000;

export const erasureEndpoints = [
  endpoint({
    method: 'POST',
    path: '/jobs/erase',
    operation: 'jobs.eraseMatching',
    permission: 'operate',
    summary: 'Erase the jobs that match a filter, in memory and in the archive, up to 1,000 per request',
    body: ErasureRequest,
    responses: { 200: ErasureAnswer },
    async run(context, { body, caller }) {
      const { filter, dry_run = false, limit = PAGE_MAX, cursor } = body;
      if (Object.keys(filter).length === 0) {
        throw invalidPart('body', [{ field: '/filter', message: 'must have at least one field' }]);
      }
      await catchUp(context);
      const matches = matcherOf(filter, caller);
      const page = await findMatching(context, { cursor, limit, test: (job) => matches.test(job) });
      const answer = { running_ids: page.running_ids, dry_run, next_cursor: page.next };
      if (dry_run) return { ...answer, job_ids: page.job_ids, journal_until: null, not_deleted: [] };
      const { jobs, refused } = await erase(context, caller, page.job_ids);
      const job_ids = jobs.map(({ job_id }) => job_id);
      // It was claimed since.
      for (const { job_id, refusal } of refused) if (refusal.code === 'job_running') answer.running_ids.push(job_id);
      return {
        ...answer,
        job_ids,
        journal_until: job_ids.length === 0 ? null : formatTime(untilOf(context, job_ids)),
        not_deleted: leftBy(context, jobs),
      };
    },
  }),
  endpoint({
    method: 'GET',
    path: '/system/retention',
    operation: 'system.retention',
    permission: 'operate',
    summary: 'Get the rules of retention, and the jobs that they erase next',
    responses: { 200: Retention },
    async run({ engine, retention }) {
      const { default_ms, tags, tenants } = retention.rules();
      const secondsOf = (keep_ms: number | null) => (keep_ms === null ? null : keep_ms / 1000);
      const { erasures } = engine.state.tables;
      return {
        default_seconds: secondsOf(default_ms),
        tags: [...tags].map(([tag, keep_ms]) => ({ tag, keep_seconds: secondsOf(keep_ms) })),
        tenants: [...tenants].map(([tenant, keep_ms]) => ({ tenant, keep_seconds: secondsOf(keep_ms) })),
        next: await retention.next(),
        erasing: [...erasures.values()].filter(({ stage }) => stage !== 'ended').length,
      };
    },
  }),
];

/** Throws MonitorError `job_not_found`, and Refused `job_running`. */
export async function eraseOne(context: ApiContext, caller: Caller, job_id: string): Promise<Erasure> {
  const known = erasureSeenBy(context, caller, job_id);
  if (known) return erasureDocument(known, journalUntil(known, context.settings.retention_ms));
  await findJob(context, caller.subject, job_id);
  const { jobs, refused } = await erase(context, caller, [job_id]);
  const [refusal] = refused;
  if (refusal) throw new Refused(refusal.refusal);
  const erasure = context.engine.state.tables.erasures.get(job_id);
  if (!erasure) throw new MonitorError('not_found', 'job_not_found', `there is no job ${job_id}`);
  const document = erasureDocument(erasure, journalUntil(erasure, context.settings.retention_ms));
  return { ...document, not_deleted: leftBy(context, jobs) };
}

/** Which jobs a narrowed key could see is not known of erased ones, so they do not exist for it. */
function erasureSeenBy(
  { engine }: ApiContext,
  { subject: { scope } }: Caller,
  job_id: string,
): ErasureRecord | undefined {
  return scope === null ? engine.state.tables.erasures.get(job_id) : undefined;
}

function erase(context: ApiContext, caller: Caller, job_ids: readonly string[]) {
  return eraseJobs(context, job_ids, {
    by: caller.subject.actor,
    reason: 'request',
    submit: (body) => context.engine.submit(freshCommandOf(caller, body)),
  });
}

function matcherOf(filter: JobFilter, { subject }: Caller): JobMatcher {
  const { created_after, created_before, job_ids, ...rest } = filter;
  return new JobMatcher({
    ...rest,
    created_after_ms: created_after === undefined ? undefined : parseTime(created_after),
    created_before_ms: created_before === undefined ? undefined : parseTime(created_before),
    job_ids: job_ids === undefined ? undefined : new Set(job_ids),
    visible: subject.scope === null ? undefined : (job) => inScope(subject.scope, job),
  });
}

function untilOf({ engine, settings }: ApiContext, job_ids: readonly string[]): number {
  const { erasures } = engine.state.tables;
  const until = job_ids.flatMap((job_id) => {
    const erasure = erasures.get(job_id);
    return erasure ? [journalUntil(erasure, settings.retention_ms)] : [];
  });
  return Math.max(engine.journal.now(), ...until);
}

function leftBy({ store }: ApiContext, jobs: readonly JobRecord[]): string[] {
  const ours = new Set(jobs.flatMap(({ job_id }) => transcriptKeys(job_id).map((key) => store.locate(key))));
  return elsewhere(jobs, (url) => ours.has(url));
}
