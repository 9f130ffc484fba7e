/**
 * Jobs as the readers of one tenant see them: nothing that follows from the jobs of others, but the time at which a job
 * begins. Its place is that among the jobs of its tenant; when the others let it begin is not shown before.
 */
import type { Job } from '../../protocol/job.ts';
import type { ActionTaken } from '../../protocol/policies.ts';
import type { Verdict } from '../../protocol/verdict.ts';
import type { JobWhy } from '../../protocol/why.ts';
import { HELD_BACK_CAUSES } from '../state-machine/state/held-back.ts';
import type { JobRecord } from '../state-machine/state/records.ts';
import type { Outlook } from '../verdicts/forecast.ts';

/** What is expected of the job when nothing newer is asked for: nothing while it waits. */
export const ownOutlook = (outlook: Outlook, { state }: Pick<JobRecord, 'state'>): Outlook =>
  state === 'PROCESSING' ? outlook : { position: outlook.position, start: null, end: null };

/** A verdict on a waiting job names the workers of the fleet, and how many the others keep busy. */
export function ownVerdict<V extends Verdict>(verdict: V | null): V | null {
  if (verdict === null || !(verdict.status in WAITING)) return verdict;
  if (OWN_CAUSES.has(verdict.evidence.cause)) return ofOwnCause(verdict);
  return { ...verdict, reason: WAITING[verdict.status as keyof typeof WAITING], evidence: {} };
}

/** Causes that are the tenant's own. */
const OWN_CAUSES: ReadonlySet<unknown> = new Set(['url_expired', ...HELD_BACK_CAUSES]);

/** Without the workers of the fleet, which the figures of a starved job have. */
function ofOwnCause<V extends Verdict>(verdict: V): V {
  const { live_workers: _, idle_workers: __, ...evidence } = verdict.evidence;
  return { ...verdict, evidence };
}

const WAITING = {
  starved: 'It waits for much longer than was expected when it was queued.',
  blocked: 'No worker can take it at the moment.',
} as const;

/** A decision of a policy has the reason of the verdict on which it was taken. */
export const ownAction = <A extends ActionTaken>(action: A): A =>
  action.verdict in WAITING ? { ...action, reason: WAITING[action.verdict as keyof typeof WAITING] } : action;

/** `job`: made with the outlook of its own tenant. */
export const ownJob = (job: Job): Job => ({
  ...job,
  verdict: ownVerdict(job.verdict),
  actions: job.actions.map(ownAction),
});

export function ownWhy(why: JobWhy, { job_id }: JobRecord): JobWhy {
  const verdict = ownVerdict(why.verdict);
  const position = why.queue?.position ?? null;
  if (position === null) return { ...why, verdict };
  const before = position - 1;
  const waiting =
    before === 0
      ? 'It is the next of your jobs in the queue.'
      : `${before} of your jobs ${before === 1 ? 'is' : 'are'} before it in the queue.`;
  const wrong = verdict !== null && verdict.status !== 'on_track' ? verdict : null;
  const held = HELD_BACK_CAUSES.has(why.evidence.cause) ? why.answer : null;
  const cancels = why.remedy?.path === `/api/v1/jobs/${job_id}`;
  return {
    ...why,
    answer: wrong?.reason ?? held ?? waiting,
    verdict,
    evidence: { jobs_before: before, ...wrong?.evidence },
    queue: { position, expected_start: null },
    remedy: cancels ? why.remedy : null,
  };
}
