/**
 * Signals: what alert rules compare. Each is a pure function of the fold and of what this instance observes beside it, and
 * takes at most time in proportion to the workers, never to the jobs.
 */
import type { Labels } from '../../protocol/alert-labels.ts';
import { LABEL_VALUE_MAX } from '../../protocol/alert-labels.ts';
import { DAY_MS, formatTime, HOUR_MS, MINUTE_MS } from '../../protocol/time.ts';
import { whyNoJobs } from '../state-machine/state/able.ts';
import { lastHour as lastHourOf, newestActions } from '../state-machine/state/actions.ts';
import { failingDestinations } from '../state-machine/state/notices.ts';
import { failuresByCode, sumPeriods } from '../state-machine/state/periods.ts';
import type { WorkerRecord } from '../state-machine/state/records.ts';
import type { State } from '../state-machine/state/state.ts';
import { offTrack, verdictCounts } from '../state-machine/state/verdicts.ts';
import { firstExpiring, oldestWaiting } from '../state-machine/state/waiting.ts';

export type Unit = 'seconds' | 'usd' | 'share' | 'percent' | 'count';

/** `details`: texts for the templates of a rule, which are not part of an alert's identity. */
export type Sample = { labels: Labels; value: number | null; details?: Readonly<Record<string, string>> };

/** Seen by this instance, not in the fold. undefined: it cannot tell, and what another instance found stays. */
export type Observed = {
  /** What a harmful lifecycle rule of the store does; null if there is none. */
  store_rule?: string | null | undefined;
  /** Median duration of a commit in the last minute; null if there was none. */
  commit_seconds?: number | null | undefined;
  /** What is wrong with a configuration file that could not be reloaded; null if nothing is. */
  config_invalid?: string | null | undefined;
};

/** `expire` false: silence does not count, because workers have had no time to report. */
export type Moment = { at_ms: number; expire: boolean; observed: Observed };

export type Signal = {
  name: string;
  unit: Unit;
  /** For the documentation and `tmon alerts check`. */
  meaning: string;
  labels: readonly string[];
  /** The label that names what an alert is about. */
  subject: string | null;
  details: readonly string[];
  /** undefined: unknown to this instance. */
  samples: (state: State, moment: Moment) => Iterable<Sample> | undefined;
};

/** Fewer jobs than this in an hour make no failure rate. */
const RATE_JOBS_MIN = 10;
const GROWTH_MINUTES = 10;
/** Below this mean usage a GPU is not used. */
const GPU_UNUSED_PERCENT = 5;
const GPU_SAMPLES_MIN = 3;

/** Jobs with an alert each, at most; beyond that they are a matter of counts. */
const JUDGED_MAX = 1_000;

const MAIN: Labels = { queue: 'main' };
const DLQ: Labels = { queue: 'dlq' };

const LIST: readonly Signal[] = [
  {
    name: 'queue_age_seconds',
    unit: 'seconds',
    meaning: 'How long the oldest job has waited that could be claimed; none while no job waits.',
    labels: ['queue'],
    subject: 'queue',
    details: [],
    samples: (state, { at_ms }) => only(MAIN, waited(state, at_ms)),
  },
  {
    name: 'queue_unattended_seconds',
    unit: 'seconds',
    meaning: 'The same, while no worker is alive; none otherwise.',
    labels: ['queue'],
    subject: 'queue',
    details: [],
    samples: (state, { at_ms }) => only(MAIN, anyLive(state) ? null : waited(state, at_ms)),
  },
  {
    name: 'queue_depth',
    unit: 'count',
    meaning: 'Jobs that may be claimed now.',
    labels: ['queue'],
    subject: 'queue',
    details: [],
    samples: (state) => only(MAIN, depthOf(state)),
  },
  {
    name: 'queue_growth_per_minute',
    unit: 'count',
    meaning: 'Jobs submitted less jobs ended per minute, over the last 10 whole minutes; none while no job waits.',
    labels: ['queue'],
    subject: 'queue',
    details: ['depth'],
    samples(state, { at_ms }) {
      const depth = depthOf(state);
      if (depth === 0) return [];
      const last = Math.floor(at_ms / MINUTE_MS) - 1;
      const sums = sumPeriods(state.tables.minutes, last - GROWTH_MINUTES + 1, last);
      const growth = sums.submitted - sums.completed - sums.failed - sums.cancelled;
      return [{ labels: MAIN, value: growth / GROWTH_MINUTES, details: { depth: String(depth) } }];
    },
  },
  {
    name: 'dead_letters',
    unit: 'count',
    meaning: 'Jobs that failed permanently, in the dead-letter queue.',
    labels: ['queue'],
    subject: 'queue',
    details: [],
    samples: (state) => only(DLQ, state.tables.dead.size),
  },
  {
    name: 'failure_rate',
    unit: 'share',
    meaning: `Failed jobs ÷ (completed + failed) in the last 60 minutes; none below ${RATE_JOBS_MIN} jobs.`,
    labels: [],
    subject: null,
    details: ['failed', 'ended'],
    samples(state, { at_ms }) {
      const { completed, failed } = lastHour(state, at_ms);
      const ended = completed + failed;
      if (ended < RATE_JOBS_MIN) return [];
      return [{ labels: {}, value: failed / ended, details: { failed: String(failed), ended: String(ended) } }];
    },
  },
  {
    name: 'failure_rate_by_code',
    unit: 'share',
    meaning: 'The same for each error code of the failed jobs.',
    labels: ['error_code'],
    subject: 'error_code',
    details: ['failed', 'ended'],
    *samples(state, { at_ms }) {
      const { completed, failed } = lastHour(state, at_ms);
      const ended = completed + failed;
      if (ended < RATE_JOBS_MIN) return;
      for (const [code, count] of failuresByCode(state, minuteOf(at_ms) - 59, minuteOf(at_ms))) {
        const details = { failed: String(count), ended: String(ended) };
        yield { labels: { error_code: labelled(code) }, value: count / ended, details };
      }
    },
  },
  {
    name: 'job_verdict',
    unit: 'count',
    meaning: `1 for a job that is not on track, with its verdict; of the first ${JUDGED_MAX}. \`details.reason\` says why.`,
    labels: ['job', 'verdict', 'worker'],
    subject: 'job',
    details: ['reason', 'model', 'instance_type'],
    *samples(state) {
      let count = 0;
      for (const { job_id, state: name, run, verdict } of offTrack(state)) {
        count += 1;
        if (count > JUDGED_MAX) return;
        const runs = name === 'PROCESSING' && run !== null;
        const worker = runs ? state.worker(run.worker_id) : undefined;
        const labels = { job: job_id, verdict: verdict.status, ...(runs ? { worker: run.worker_id } : {}) };
        yield { labels, value: 1, details: { ...(worker ? hardware(worker) : {}), reason: verdict.reason } };
      }
    },
  },
  {
    name: 'jobs_by_verdict',
    unit: 'count',
    meaning: 'Jobs that are not finished, by verdict, `on_track` among them.',
    labels: ['verdict'],
    subject: 'verdict',
    details: [],
    samples: (state) =>
      Object.entries(verdictCounts(state)).map(([verdict, value]) => ({ labels: { verdict }, value })),
  },
  {
    name: 'worker_verdict',
    unit: 'count',
    meaning:
      '1 for a worker with a verdict other than `ok`: `silent`, `suspended`, `idle`, `orphaned` or `missing`. `details.reason` says why.',
    labels: ['worker', 'verdict'],
    subject: 'worker',
    details: ['reason', 'model', 'instance_type'],
    *samples(state) {
      for (const worker of state.tables.workers.values()) {
        const { worker_id, verdict } = worker;
        if (verdict === undefined) continue;
        const labels = { worker: worker_id, verdict: verdict.status };
        yield { labels, value: 1, details: { ...hardware(worker), reason: verdict.reason } };
      }
    },
  },
  {
    name: 'actions_taken',
    unit: 'count',
    meaning: 'How often a policy acted in the last hour; of each that did.',
    labels: ['policy'],
    subject: 'policy',
    details: [],
    *samples(state, { at_ms }) {
      for (const policy of state.tables.policy_counts.keys()) {
        yield { labels: { policy }, value: lastHourOf(state, policy, 'acted', at_ms).length };
      }
    },
  },
  {
    name: 'actions_failed',
    unit: 'count',
    meaning: 'What policies decided in the last hour and the fleet could not do; `details.error` is the last reason.',
    labels: ['policy'],
    subject: 'policy',
    details: ['error'],
    *samples(state, { at_ms }) {
      const failed = new Map<string, { count: number; error: string }>();
      for (const { policy, machine, at_ms: decided_ms } of newestActions(state)) {
        if (decided_ms <= at_ms - HOUR_MS) break;
        if (machine?.state !== 'failed') continue;
        const last = failed.get(policy) ?? { count: 0, error: machine.details ?? '' };
        failed.set(policy, { ...last, count: last.count + 1 });
      }
      for (const [policy, { count, error }] of failed) yield { labels: { policy }, value: count, details: { error } };
    },
  },
  {
    name: 'policies_paused',
    unit: 'count',
    meaning: '1 while the circuit breaker pauses all policies, because too many would have acted at once; otherwise 0.',
    labels: ['component'],
    subject: 'component',
    details: ['reason', 'until'],
    samples({ scalars: { policies_paused: paused } }) {
      const labels = { component: 'policies' };
      if (paused === null) return [{ labels, value: 0 }];
      return [{ labels, value: 1, details: { reason: paused.reason, until: formatTime(paused.until_ms) } }];
    },
  },
  {
    name: 'cost_per_hour_usd',
    unit: 'usd',
    meaning: 'Sum of the hourly prices of the workers that are not TERMINATED.',
    labels: [],
    subject: null,
    details: ['workers'],
    samples: ({ fleet }) => [
      { labels: {}, value: fleet.price_micro_usd / 1e6, details: { workers: String(fleet.live_workers) } },
    ],
  },
  {
    name: 'cost_month_usd',
    unit: 'usd',
    meaning: 'Cost of the attempts that ended in this calendar month, UTC.',
    labels: [],
    subject: null,
    details: ['month'],
    samples(state, { at_ms }) {
      const month = formatTime(at_ms).slice(0, 7);
      const first = Math.floor(monthStart(at_ms) / DAY_MS);
      const { cost_usd } = sumPeriods(state.tables.days, first, Math.floor(at_ms / DAY_MS));
      return [{ labels: {}, value: cost_usd, details: { month } }];
    },
  },
  {
    name: 'worker_silent',
    unit: 'count',
    meaning:
      '1 for a worker of which nothing has been heard for so long that its jobs returned to the queue, otherwise 0.',
    labels: ['worker'],
    subject: 'worker',
    details: ['model', 'instance_type'],
    samples: (state) => eachWorker(state, (worker) => ({ value: worker.status === 'UNHEALTHY' ? 1 : 0 })),
  },
  {
    name: 'worker_degraded',
    unit: 'count',
    meaning: '1 for a worker that lives and takes no jobs, otherwise 0. `details.reason` says why.',
    labels: ['worker'],
    subject: 'worker',
    details: ['reason', 'model', 'instance_type'],
    samples: (state) =>
      eachWorker(state, (worker) => {
        const reason = worker.reported || worker.status === 'UNHEALTHY' ? null : whyNoJobs(worker);
        return reason === null ? { value: 0 } : { value: 1, details: { reason } };
      }),
  },
  {
    name: 'gpu_idle_seconds',
    unit: 'seconds',
    meaning: 'How long a worker with a GPU has had no job.',
    labels: ['worker'],
    subject: 'worker',
    details: ['model', 'instance_type'],
    samples: (state, { at_ms }) =>
      eachWorker(state, (worker) => {
        if (worker.state !== 'IDLE' || worker.status === 'UNHEALTHY' || !hasGpu(worker)) return null;
        return { value: secondsSince(Math.max(worker.created_ms, worker.freed_ms ?? 0), at_ms) };
      }),
  },
  {
    name: 'gpu_held_seconds',
    unit: 'seconds',
    meaning: `How long a worker has held a job while its GPU was used less than ${GPU_UNUSED_PERCENT} % on average.`,
    labels: ['worker'],
    subject: 'worker',
    details: ['job', 'model', 'instance_type'],
    samples: (state, { at_ms }) =>
      eachWorker(state, ({ holds }) => {
        const [oldest] = holds;
        if (!oldest || oldest.gpu_count < GPU_SAMPLES_MIN) return null;
        if (oldest.gpu_sum / oldest.gpu_count >= GPU_UNUSED_PERCENT)
          return { value: 0, details: { job: oldest.job_id } };
        return { value: secondsSince(oldest.assigned_ms, at_ms), details: { job: oldest.job_id } };
      }),
  },
  {
    name: 'no_data_seconds',
    unit: 'seconds',
    meaning:
      'How long nothing has been heard of any worker that is not TERMINATED; none while there is none, or no job waits or runs.',
    labels: [],
    subject: null,
    details: ['workers'],
    samples(state, { at_ms, expire }) {
      if (!expire) return undefined;
      const { jobs_by_state } = state.tables;
      // An idle fleet that was switched off is nobody's emergency.
      if (depthOf(state) + jobs_by_state.PROCESSING.size === 0) return [];
      let heard_ms: number | null = null;
      let workers = 0;
      for (const worker of state.tables.workers.values()) {
        if (worker.state === 'TERMINATED' || worker.state === 'STARTING' || worker.reported) continue;
        workers += 1;
        heard_ms = Math.max(heard_ms ?? 0, worker.heartbeat_ms ?? worker.created_ms);
      }
      if (heard_ms === null) return [];
      return [{ labels: {}, value: secondsSince(heard_ms, at_ms), details: { workers: String(workers) } }];
    },
  },
  {
    name: 'audio_url_expiring',
    unit: 'seconds',
    meaning: 'How long until the first signed URL of a waiting job’s recording expires; none if none does.',
    labels: ['queue'],
    subject: 'queue',
    details: ['job', 'expires'],
    samples(state, { at_ms }) {
      const job = firstExpiring(state);
      if (job === undefined) return [];
      const expires_ms = job.url_expires_ms!;
      const details = { job: job.job_id, expires: formatTime(expires_ms) };
      return [{ labels: MAIN, value: (expires_ms - at_ms) / 1000, details }];
    },
  },
  {
    name: 'store_rule',
    unit: 'count',
    meaning: '1 if a lifecycle rule of the bucket does harm, which `details.harm` names, otherwise 0.',
    labels: ['component'],
    subject: 'component',
    details: ['harm'],
    samples: (_, { observed }) => flag({ component: 'store' }, observed.store_rule, 'harm'),
  },
  {
    name: 'store_commit_seconds',
    unit: 'seconds',
    meaning: 'Median duration of the commits of the last minute; none if there were none.',
    labels: ['component'],
    subject: 'component',
    details: [],
    samples: (_, { observed: { commit_seconds } }) =>
      commit_seconds === undefined ? undefined : only({ component: 'store' }, commit_seconds),
  },
  {
    name: 'notifier_failing',
    unit: 'count',
    meaning:
      'Consecutive failures of deliveries to a destination, from 3 on: a `notifier` of yours, or a `webhook` of jobs; `details.error` says why.',
    labels: ['destination', 'destination_kind'],
    subject: 'destination',
    details: ['error', 'dropped'],
    *samples(state) {
      for (const { destination, notifier, failures, dropped, last_error } of failingDestinations(state)) {
        const labels = { destination: labelled(destination), destination_kind: notifier ? 'notifier' : 'webhook' };
        const error = last_error || 'too many notifications wait for it';
        yield { labels, value: Math.max(failures, 1), details: { error, dropped: String(dropped) } };
      }
    },
  },
  {
    name: 'config_invalid',
    unit: 'count',
    meaning:
      '1 if a configuration file could not be reloaded, so that the earlier one applies; `details.problem` says why.',
    labels: ['component'],
    subject: 'component',
    details: ['problem'],
    samples: (_, { observed }) => flag({ component: 'config' }, observed.config_invalid, 'problem'),
  },
];

export const SIGNALS: ReadonlyMap<string, Signal> = new Map(LIST.map((signal) => [signal.name, signal]));

/** Signals of which the journal says nothing. */
export const OBSERVED_SIGNALS: ReadonlySet<string> = new Set(['store_rule', 'store_commit_seconds', 'config_invalid']);

/** Every label that an alert can have by its signal. */
export const SIGNAL_LABELS: ReadonlySet<string> = new Set(LIST.flatMap(({ labels }) => labels));

const only = (labels: Labels, value: number | null): Sample[] => (value === null ? [] : [{ labels, value }]);

function flag(labels: Labels, problem: string | null | undefined, detail: string): Sample[] | undefined {
  if (problem === undefined) return undefined;
  return [problem === null ? { labels, value: 0 } : { labels, value: 1, details: { [detail]: problem } }];
}

const minuteOf = (at_ms: number): number => Math.floor(at_ms / MINUTE_MS);
const secondsSince = (from_ms: number, at_ms: number): number => Math.max(0, at_ms - from_ms) / 1000;

function waited(state: State, at_ms: number): number | null {
  const oldest_ms = oldestWaiting(state);
  return oldest_ms === null ? null : secondsSince(oldest_ms, at_ms);
}

function depthOf({ tables: { waiting } }: State): number {
  return waiting.high.size + waiting.normal.size + waiting.low.size;
}

const lastHour = (state: State, at_ms: number) =>
  sumPeriods(state.tables.minutes, minuteOf(at_ms) - (HOUR_MS / MINUTE_MS - 1), minuteOf(at_ms));

/** A live worker takes jobs of this queue; one that is reported from elsewhere does not. */
function anyLive(state: State): boolean {
  for (const worker of state.tables.workers.values()) {
    if (worker.state !== 'TERMINATED' && worker.status !== 'UNHEALTHY' && !worker.reported) return true;
  }
  return false;
}

function* eachWorker(
  state: State,
  measure: (worker: WorkerRecord) => Omit<Sample, 'labels'> | null,
): Generator<Sample> {
  for (const worker of state.tables.workers.values()) {
    if (worker.state === 'TERMINATED') continue;
    const measured = measure(worker);
    if (measured === null) continue;
    const details = { ...hardware(worker), ...measured.details };
    yield { labels: { worker: worker.worker_id }, value: measured.value, details };
  }
}

function hardware({ capabilities, location }: WorkerRecord): Record<string, string> {
  return {
    ...(capabilities.model == null ? {} : { model: capabilities.model }),
    ...(location.instance_type == null ? {} : { instance_type: location.instance_type }),
  };
}

const hasGpu = ({ capabilities }: WorkerRecord): boolean =>
  capabilities.gpu_optimized === true || (capabilities.device != null && capabilities.device !== 'cpu');

/** Text from outside as the value of a label. */
const labelled = (text: string): string => text.slice(0, LABEL_VALUE_MAX);

function monthStart(at_ms: number): number {
  const day = Number(formatTime(at_ms).slice(8, 10));
  return (Math.floor(at_ms / DAY_MS) - (day - 1)) * DAY_MS;
}
