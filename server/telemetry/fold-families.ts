/**
 * Metrics of the fold: jobs, queues, costs, alerts and the system's health. Every instance on a store has the same
 * values, and a restart keeps them. A scrape takes O(workers), never O(jobs).
 */

import { ACTIONS, OUTCOMES } from '../../protocol/policies.ts';
import type { SystemHealth } from '../../protocol/system.ts';
import { VERDICTS } from '../../protocol/verdict.ts';
import { activeAlerts } from '../documents/alerts.ts';
import { deadLetterQueueDocument, mainQueueDocument } from '../documents/queues.ts';
import { healthDocument } from '../documents/system.ts';
import { sumPeriods } from '../state-machine/state/periods.ts';
import { accuracyOf, PROMISES, type PromiseKind } from '../state-machine/state/promises.ts';
import type { State } from '../state-machine/state/state.ts';
import { type CounterName, DISTRIBUTIONS, type DistributionName, talliesOf } from '../state-machine/state/tallies.ts';
import { verdictCounts } from '../state-machine/state/verdicts.ts';
import { byLabel, counter, type Family, gauge, histogram, type Sample } from './family.ts';

export function foldFamilies(state: State): Family[] {
  return [
    ...jobs(state),
    ...queues(state),
    ...totals(state),
    ...distributions(state),
    ...notifications(state),
    ...policies(state),
    ...healthFamilies(state, healthDocument(state)),
  ];
}

function jobs(state: State): Family[] {
  const { tables, scalars } = state;
  const sizes = Object.entries(tables.jobs_by_state).map(([name, ids]) => [name, ids.size] as const);
  return [
    gauge('jobs', 'Jobs in memory by state', byLabel('state', sizes)),
    gauge('jobs_by_verdict', 'Unfinished jobs by verdict', byLabel('verdict', Object.entries(verdictCounts(state)))),
    counter('verdicts_total', 'Changes of verdict, by the new one', fromZero(state, 'judged', 'verdict', VERDICTS)),
    ...estimates(state),
    gauge('archived_jobs', 'Jobs that have left memory for the archive', scalars.archived_jobs),
  ];
}

/** Not a number while nothing is known, as in a summary without observations. */
function estimates(state: State): Family[] {
  const samples = PROMISES.flatMap((kind): Sample[] => {
    const { within_p50, within_p90 } = accuracyOf(state, kind);
    const estimate = ESTIMATES[kind];
    return [
      { labels: { estimate, by: 'p50' }, value: within_p50 ?? Number.NaN },
      { labels: { estimate, by: 'p90' }, value: within_p90 ?? Number.NaN },
    ];
  });
  return [gauge('estimates_in_time_ratio', 'Part of the last 1,000 jobs that was in time by its estimate', samples)];
}

const ESTIMATES: Readonly<Record<PromiseKind, string>> = {
  start: 'start',
  end: 'completion',
  run: 'run_completion',
};

function queues(state: State): Family[] {
  const main = mainQueueDocument(state);
  const dead = deadLetterQueueDocument(state);
  return [
    gauge('queue_jobs', 'Jobs that may be claimed now', byLabel('priority', Object.entries(main.by_priority))),
    gauge('queue_delayed_jobs', 'Queued jobs whose retry is delayed', Math.max(0, main.messages_delayed)),
    gauge('queue_age_seconds', 'Waiting time of the oldest claimable job', main.age_oldest_message ?? 0),
    gauge('dead_letters', 'Jobs in the dead-letter queue', dead.messages_visible),
  ];
}

/** Every value has a series from the start: Prometheus sees no increase in one that appears with its first event. */
function fromZero(state: State, name: CounterName, label: string, values: readonly string[]): Sample[] {
  const counts = new Map(countsOf(state, name));
  return byLabel(
    label,
    values.map((value) => [value, counts.get(value) ?? 0] as const),
  );
}

/** Since the journal began; those by error code, since a version that counts them. */
function totals(state: State): Family[] {
  const all = sumPeriods(state.tables.days, 0, Number.MAX_SAFE_INTEGER);
  const ended = { COMPLETED: all.completed, FAILED: all.failed, CANCELLED: all.cancelled };
  const failed = byLabel('error_code', countsOf(state, 'failed'));
  const attempts = byLabel('error_code', countsOf(state, 'attempts_failed'));
  return [
    counter('jobs_submitted_total', 'Jobs submitted', all.submitted),
    counter('jobs_ended_total', 'Jobs that ended, by state', byLabel('state', Object.entries(ended))),
    counter('jobs_failed_total', 'Jobs that failed permanently, by error code', failed),
    counter('attempts_failed_total', 'Attempts that ended without a transcript, by error code', attempts),
    counter('audio_seconds_total', 'Audio transcribed', all.audio_ms / 1000),
    counter('processing_seconds_total', 'Time of the attempts that completed', all.processing_ms / 1000),
    counter('cost_usd_total', 'Cost of the attempts that ended', all.cost_usd),
  ];
}

const countsOf = (state: State, name: CounterName): [string, number][] =>
  talliesOf(state, name).map(([code, [count = 0]]) => [code, count]);

function distributions(state: State): Family[] {
  const of = (name: DistributionName) => ({ bounds: DISTRIBUTIONS[name], tallies: talliesOf(state, name) });
  return [
    histogram('job_wait_seconds', 'Time from entering the queue to a worker', 'priority', of('wait')),
    histogram('job_turnaround_seconds', 'Time from submission to transcript', 'priority', of('turnaround')),
    histogram('job_processing_seconds', 'Time of attempts that completed', 'model', of('processing')),
    histogram(
      'job_realtime_factor',
      'Processing time ÷ audio duration of attempts that completed; below 1 is faster than real time',
      'model',
      of('realtime_factor'),
    ),
  ];
}

function notifications(state: State): Family[] {
  const { notices_waiting, troubles } = state.tables;
  let pending = 0;
  for (const count of notices_waiting.values()) pending += count;
  const ended = fromZero(state, 'notices_ended', 'outcome', ['delivered', 'failed']);
  return [
    gauge('notifications_pending', 'Notifications that are not delivered yet', pending),
    gauge('notification_destinations_failing', 'Destinations that do not receive', troubles.size),
    counter('notifications_total', 'Notifications that ended, by outcome', ended),
  ];
}

function policies(state: State): Family[] {
  const actions = ACTIONS.filter((action) => action !== 'none');
  return [
    counter(
      'policy_decisions_total',
      'Decisions of policies, by outcome',
      fromZero(state, 'decided', 'outcome', OUTCOMES),
    ),
    counter('policy_actions_total', 'What policies have done, by action', fromZero(state, 'acted', 'action', actions)),
    gauge(
      'policies_paused',
      '1 while the circuit breaker pauses all policies, otherwise 0',
      state.scalars.policies_paused ? 1 : 0,
    ),
  ];
}

const HEALTH_VALUE = { HEALTHY: 1, DEGRADED: 0.5, UNHEALTHY: 0 } as const;

function healthFamilies(state: State, { overall_status, components, alerts, metrics }: SystemHealth): Family[] {
  const { queue, workers, jobs: rates } = components;
  const status = { overall: overall_status, queue: queue.status, workers: workers.status, jobs: rates.status };
  const values = Object.entries(status).map(([name, word]) => [name, HEALTH_VALUE[word]] as const);
  const known = (value: number | null): Sample[] => (value === null ? [] : [{ value }]);
  return [
    gauge('health', 'System health: 1 HEALTHY, 0.5 DEGRADED, 0 UNHEALTHY', byLabel('component', values)),
    gauge('success_ratio', 'Completed ÷ (completed + failed) of 24 hours', known(rates.success_rate_24h)),
    gauge(
      'efficiency_ratio',
      'Worker time on completed attempts ÷ paid time, last hour',
      known(metrics.efficiency_score),
    ),
    gauge('jobs_completed_last_hour', 'Jobs completed in the last 60 minutes', metrics.throughput_jobs_per_hour),
    gauge('cost_per_hour_usd', "Sum of the live workers' hourly prices", metrics.cost_per_hour_usd),
    gauge('alerts_active', 'Alerts that are not resolved', alerts.length),
    gauge('alerts', 'Alerts that are not resolved, by rule and severity', alertSamples(state)),
  ];
}

/** The file of rules bounds the number of samples. */
function alertSamples(state: State): Sample[] {
  const counts = new Map<string, Sample>();
  for (const { rule, severity } of activeAlerts(state)) {
    const key = `${rule}|${severity}`;
    counts.set(key, { value: (counts.get(key)?.value ?? 0) + 1, labels: { rule, severity } });
  }
  return [...counts.values()];
}
