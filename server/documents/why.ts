/** Why a job waits, is slow, has failed or costs what it costs. Computed when asked, from the fold and the forecast. */
import { formatTime } from '../../protocol/time.ts';
import type { Evidence } from '../../protocol/verdict.ts';
import type { JobWhy } from '../../protocol/why.ts';
import {
  HELD_BACK_CAUSES,
  type HeldBack,
  heldBack,
  heldBackEvidence,
  heldBackReason,
} from '../state-machine/state/held-back.ts';
import { type JobRecord, runsElsewhere } from '../state-machine/state/records.ts';
import type { State } from '../state-machine/state/state.ts';
import type { Outlook } from '../verdicts/forecast.ts';
import { jobDocument } from './job.ts';
import { estimateDocument } from './outlook.ts';

type Answer = { answer: string; evidence?: Evidence; remedy?: JobWhy['remedy'] };

export function whyDocument(state: State, job: JobRecord, outlook: Outlook): JobWhy {
  const { verdict } = jobDocument(job);
  const queue = queueOf(outlook);
  const { answer, evidence = {}, remedy = null } = answerOf(state, job, queue);
  const facts = { ...evidence, ...verdict?.evidence };
  const { job_id, state: now } = job;
  const [cost, as_of_seq] = [costOf(state, job), state.seq];
  return { job_id, state: now, answer, cost, verdict, evidence: facts, queue, remedy, as_of_seq };
}

function queueOf({ position, start }: Outlook): JobWhy['queue'] {
  return position === null ? null : { position, expected_start: estimateDocument(start) };
}

function answerOf(state: State, job: JobRecord, queue: JobWhy['queue']): Answer {
  const wrong = job.verdict !== null && job.verdict.status !== 'on_track' ? job.verdict : null;
  switch (job.state) {
    case 'SUBMITTED':
    case 'QUEUED':
      return wrong ? { answer: wrong.reason, remedy: waitingRemedy(job, wrong.evidence) } : waiting(state, job, queue);
    case 'PROCESSING':
      return wrong ? { answer: wrong.reason, remedy: runningRemedy(job, wrong.status) } : running(job);
    case 'CANCELLING': {
      const until = job.kill_ms === null ? '' : `; it is CANCELLED at ${formatTime(job.kill_ms)} at the latest`;
      return { answer: `It was cancelled, and worker ${job.run?.worker_id} has not confirmed yet${until}.` };
    }
    case 'FAILED':
      return failed(job);
    case 'CANCELLED':
      return { answer: job.history.at(-1)?.details ?? 'It was cancelled.', remedy: retry(job) };
    case 'COMPLETED': {
      const { performance } = jobDocument(job);
      const waited = performance.queue_time_seconds;
      const took = performance.processing_time_seconds;
      return {
        answer: `It waited ${inWords(waited)} and took ${inWords(took)} on worker ${job.run?.worker_id}.`,
        evidence: { ...figure('waited_seconds', waited), ...figure('took_seconds', took) },
      };
    }
  }
}

function waiting(state: State, job: JobRecord, queue: JobWhy['queue']): Answer {
  if (runsElsewhere(job)) return { answer: `It waits in another system, as reported by ${job.observed?.source}.` };
  const error = job.last_error;
  if (job.not_before_ms !== null) {
    const after = error ? ` after attempt ${job.run?.attempt ?? 1} failed with ${error.code}` : '';
    return { answer: `It waits until ${formatTime(job.not_before_ms)}${after}.` };
  }
  const held = heldBack(state, job);
  if (held !== null) {
    return { answer: heldBackReason(held), evidence: heldBackEvidence(held), remedy: heldBackRemedy(held) };
  }
  const { able_workers, idle_workers } = state.fleet;
  const before = (queue?.position ?? 1) - 1;
  const start = queue?.expected_start ? `; it is expected to begin by ${queue.expected_start.p90}` : '';
  const workers = `${able_workers} ${able_workers === 1 ? 'worker' : 'workers'} can take jobs, ${idle_workers} of them idle`;
  return {
    answer: `${before === 0 ? 'It is the next' : `${before} ${before === 1 ? 'job is' : 'jobs are'} before it`} in the queue, and ${workers}${start}.`,
    evidence: { jobs_before: before, able_workers, idle_workers },
  };
}

function heldBackRemedy(held: HeldBack): JobWhy['remedy'] {
  if (held.cause !== 'tenant_paused') return null;
  const { tenant } = held;
  return { what: `Resume tenant ${tenant}`, method: 'POST', path: `/api/v1/tenants/${tenant}/resume` };
}

function waitingRemedy({ job_id }: JobRecord, { cause, tenant }: Evidence): JobWhy['remedy'] {
  if (cause === 'tenant_paused') return heldBackRemedy({ cause, tenant: String(tenant), since_ms: 0 });
  if (HELD_BACK_CAUSES.has(cause)) return null;
  if (cause === 'url_expired') {
    return {
      what: 'Cancel it, and submit the recording with a new URL',
      method: 'DELETE',
      path: `/api/v1/jobs/${job_id}`,
    };
  }
  return {
    what: 'Launch one more worker on the fleet of the monitor',
    method: 'POST',
    path: '/api/v1/workers',
    body: {},
  };
}

function running(job: JobRecord): Answer {
  const { progress, expected_percentage, worker } = jobDocument(job);
  const expected = expected_percentage === null ? '' : `, where ${Math.floor(expected_percentage)} % were expected`;
  return {
    answer: `It is on track on worker ${worker?.worker_id}: ${Math.floor(progress.percentage)} % at its last report${expected}.`,
    evidence: { percentage: progress.percentage, ...figure('expected_percentage', expected_percentage) },
  };
}

/** A dead worker's job returns by itself when its lease ends. */
function runningRemedy(job: JobRecord, status: string): JobWhy['remedy'] {
  if (status !== 'hung' || runsElsewhere(job)) return null;
  const worker_id = job.run!.worker_id;
  return {
    what: `Restart worker ${worker_id}; its job returns to its place, and the attempt does not count`,
    method: 'POST',
    path: `/api/v1/workers/${worker_id}/restart`,
  };
}

function failed(job: JobRecord): Answer {
  const error = job.last_error;
  const what = error ? `${error.code}: ${error.message.split('\n', 1)[0]!.slice(0, 300)}` : 'no reason is known';
  const whose = error?.fault ? `, the fault of ${FAULTS[error.fault]}` : '';
  const { attempt, max_attempts } = job;
  return {
    answer: `Attempt ${attempt} of ${max_attempts} failed${whose}: ${what}${what.endsWith('.') ? '' : '.'}`,
    evidence: { attempt, max_attempts, ...(error ? { code: error.code, retryable: error.retryable } : {}) },
    remedy: runsElsewhere(job) || error?.fault === 'audio' ? null : retry(job),
  };
}

const FAULTS = { audio: 'the recording', worker: 'the worker', service: 'a service between them' } as const;

const retry = ({ job_id }: JobRecord): JobWhy['remedy'] => ({
  what: 'Return it to the queue with new attempts',
  method: 'POST',
  path: `/api/v1/jobs/${job_id}/retry`,
});

function costOf(state: State, job: JobRecord): string {
  const { cost_tracking } = jobDocument(job);
  const { actual_cost_usd: actual, estimated_cost_usd: estimated, instance_time_seconds } = cost_tracking;
  const attempts = job.earlier.length + (job.run ? 1 : 0);
  const time = `${inWords(instance_time_seconds)} of worker time in ${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}`;
  if (actual !== null) return `It has cost $${actual}: ${time}.`;
  if (attempts === 0)
    return estimated === null
      ? 'It has cost nothing yet.'
      : `It has cost nothing yet; about $${estimated} is expected.`;
  const priced = typeof state.worker(job.run!.worker_id)?.location.spot_price === 'number';
  return priced
    ? `Its cost is known when the attempt ends; so far ${time}.`
    : `Its cost is not known, since its worker has no price: ${time}.`;
}

const figure = (name: string, value: number | null): Evidence => (value === null ? {} : { [name]: value });

function inWords(seconds: number | null): string {
  if (seconds === null) return 'an unknown time';
  if (seconds < 120) return `${Math.round(seconds)} s`;
  return seconds < 7_200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 360) / 10} h`;
}
