/**
 * The alerts that the monitor raises and resolves by itself. Each rule yields the subjects for which its condition
 * holds. An alert is raised once per rule and subject, and resolved when the condition clears.
 */
import type { Severity } from '../../../protocol/alert.ts';
import { formatTime, MINUTE_MS } from '../../../protocol/time.ts';
import type { Event } from '../events.ts';
import { whyNoJobs } from '../state/able.ts';
import { fingerprintOf, labelsOf } from '../state/alerts.ts';
import type { State } from '../state/state.ts';
import { firstExpiring, oldestWaiting } from '../state/waiting.ts';
import type { Context } from './decision.ts';

type Finding = { rule: string; subject: string; severity: Severity; message: string };

const keyOf = (finding: Finding): string => fingerprintOf(labelsOf(finding));
const STORE_RULE = keyOf({ rule: 'store_rule', subject: 'store', severity: 'CRITICAL', message: '' });

export const QUEUE_SLOW_MS = 5 * MINUTE_MS;
/** How long before the URL of a waiting job's recording expires the alert is raised. */
export const URL_EXPIRING_MS = 10 * MINUTE_MS;
export const QUEUE_STUCK_MS = 30 * MINUTE_MS;

type AlertInput = {
  /** Ids for the alerts that may be raised. */
  ids: readonly string[];
  /** See the command `tick`. */
  store_rule?: string | null | undefined;
};

export function decideAlerts(state: State, { ids, store_rule }: AlertInput, { at_ms }: Context): Event[] {
  const found = new Map<string, Finding>();
  if (typeof store_rule === 'string') {
    found.set(STORE_RULE, { rule: 'store_rule', subject: 'store', severity: 'CRITICAL', message: store_rule });
  }
  for (const finding of findings(state, at_ms)) found.set(keyOf(finding), finding);
  const events: Event[] = [];
  const free = [...ids];
  for (const [key, { rule, subject, severity, message }] of found) {
    if (state.tables.alert_conditions.has(key)) continue;
    const labels = labelsOf({ rule, subject, severity });
    const id = free.shift();
    if (id === undefined) break;
    events.push({ type: 'AlertRaised', entity: id, data: { rule, subject, severity, message, labels } });
  }
  for (const [key, id] of state.tables.alert_conditions.entries()) {
    if (found.has(key) || (key === STORE_RULE && store_rule === undefined)) continue;
    if (state.tables.alerts.get(id)?.resolved_ms === null) {
      events.push({ type: 'AlertResolved', entity: id, data: { by: 'condition' } });
    }
    events.push({ type: 'AlertCleared', entity: id, data: {} });
  }
  return events;
}

function* findings(state: State, at_ms: number): Generator<Finding> {
  let live = 0;
  for (const worker of state.tables.workers.values()) {
    if (worker.state === 'TERMINATED') continue;
    const reason = worker.reported ? null : whyNoJobs(worker);
    if (worker.status !== 'UNHEALTHY') {
      live += worker.reported ? 0 : 1;
      if (reason !== null) {
        yield {
          rule: 'worker_degraded',
          subject: worker.worker_id,
          severity: 'WARNING',
          message: `Worker ${worker.worker_id} ${reason}`,
        };
      }
    } else {
      yield {
        rule: 'worker_lost',
        subject: worker.worker_id,
        severity: 'WARNING',
        message: `Worker ${worker.worker_id} has gone silent`,
      };
    }
  }
  const { dead } = state.tables;
  if (dead.size > 0) {
    yield {
      rule: 'jobs_dead_lettered',
      subject: 'dlq',
      severity: 'WARNING',
      message: 'Jobs have failed permanently and are in the dead-letter queue',
    };
  }
  const waited_ms = at_ms - (oldestWaiting(state) ?? at_ms);
  if (waited_ms >= QUEUE_SLOW_MS && live === 0) {
    yield {
      rule: 'queue_without_workers',
      subject: 'main',
      severity: 'CRITICAL',
      message: 'Jobs are waiting and no worker is alive',
    };
  }
  if (waited_ms >= QUEUE_STUCK_MS) {
    yield { rule: 'queue_slow', subject: 'main', severity: 'WARNING', message: 'The oldest job has waited 30 minutes' };
  }
  const job = firstExpiring(state);
  if (job !== undefined && job.url_expires_ms! - at_ms <= URL_EXPIRING_MS) {
    const expires = `expires at ${formatTime(job.url_expires_ms!)}`;
    yield {
      rule: 'audio_url_expiring',
      subject: 'main',
      severity: 'WARNING',
      message: `Signed URLs of waiting jobs expire before a worker fetches them: that of ${job.job_id} ${expires}`,
    };
  }
}
