/** The kind of a history, drawn once at its start: how many instances, with which settings, and which faults. */

import { MINUTE_MS } from '../../protocol/time.ts';
import { defaultRules } from '../../server/alerts/rules/defaults.ts';
import { NO_ROUTES } from '../../server/notices/routes/routes.ts';
import { defaultPolicies } from '../../server/policies/defaults.ts';
import type { Policy } from '../../server/state-machine/decide/policy.ts';
import type { Chance } from './chance.ts';
import type { InstanceOptions } from './instance.ts';

/** The minimum that the settings allow, so that names are freed often. */
const RETENTION_MS = 10 * MINUTE_MS;

/** The possible steps, and how often each happens. */
const DEEDS = {
  ask: 74,
  ask_again: 6,
  ask_mistakenly: 1,
  crash: 2,
  stop: 1,
  pause: 3,
  clock_jump: 2,
  outage: 1,
  writes_refused: 1.5,
  all_refused: 0.7,
  object_damaged: 0.5,
  snapshot: 2,
  truncate: 9,
  read: 4,
  wait_for_job: 4,
  log_line: 5,
  reader_moves: 1.5,
};
export type Deed = keyof typeof DEEDS;

export type Plan = {
  /** Machines sleep often and long, while segments are truncated soon: names are used and freed meanwhile. */
  sleepy: boolean;
  /** One instance on a store locked for it, like a directory: no network, and a dead process' writes never land. */
  sole: boolean;
  steps: number;
  instances: number;
  /** Views, archive, claim line, feed and a followed log run on every instance; see house.ts. */
  house: boolean;
  deeds: Readonly<Record<Deed, number>>;
  /** Of each instance: they may have different settings. */
  options: readonly InstanceOptions[];
  /** The resolution of the store's times; S3 has whole seconds. */
  grain_ms: number;
  /** Keys per page of a listing. */
  page: number;
};

export function drawPlan(chance: Chance): Plan {
  const house = chance.happens(0.3);
  const sleepy = !house && chance.happens(0.4);
  const instances = chance.whole(sleepy ? 2 : 1, 3);
  const sole = instances === 1 && chance.happens(0.5);
  return {
    sleepy,
    sole,
    instances,
    steps: chance.whole(120, 320),
    house,
    deeds: sleepy ? { ...DEEDS, truncate: 14, snapshot: 4 } : DEEDS,
    grain_ms: chance.pick([1, 1000]),
    page: chance.pick([3, 1000]),
    options: drawOptions(chance, { sleepy, sole, instances }),
  };
}

/** Usually the same for all; sometimes each has its own, as during a change of settings. */
function drawOptions(
  chance: Chance,
  { sleepy, sole, instances }: Pick<Plan, 'sleepy' | 'sole' | 'instances'>,
): InstanceOptions[] {
  const draw = (): InstanceOptions => ({
    policy: drawPolicy(chance),
    soft_linger_ms: chance.pick([20, 1_000, 10_000]),
    outcome_unknown_ms: 10_000,
    retention_ms: RETENTION_MS,
    snapshot_segments: chance.whole(2, sleepy ? 4 : 10),
    snapshot_bytes: 64 * 1024 * 1024,
    snapshot_ms: 60 * MINUTE_MS,
    tail_poll_ms: sole ? null : chance.pick([2_000, 10_000, 20_000]),
  });
  const first = draw();
  const own = chance.happens(0.3);
  return Array.from({ length: instances }, (_, i) => (i > 0 && own ? draw() : first));
}

/** Of every instance. */
export const ELSEWHERE_MS = 60_000;

function drawPolicy(chance: Chance): Policy {
  return {
    lease_ms: chance.pick([30_000, 60_000]),
    kill_deadline_ms: chance.pick([20_000, 60_000]),
    retry_base_ms: 5_000,
    retry_max_ms: 600_000,
    passes_max: chance.pick([1, 3, 50]),
    elsewhere_ms: ELSEWHERE_MS,
    worker_degraded_ms: 30_000,
    worker_lost_ms: 90_000,
    worker_terminated_ms: chance.pick([10 * MINUTE_MS, 60 * MINUTE_MS]),
    worker_start_ms: 10 * MINUTE_MS,
    dlq_window_ms: chance.pick([20 * MINUTE_MS, 24 * 60 * MINUTE_MS]),
    commands_window_ms: 7 * 24 * 60 * MINUTE_MS,
    commands_max: chance.happens(0.2) ? 25 : 100_000,
    alerts: defaultRules(),
    policies: defaultPolicies(),
    routing: NO_ROUTES,
    notice_claim_ms: 60_000,
    notice_retry_base_ms: 5_000,
    notice_retry_max_ms: 3_600_000,
    notice_give_up_ms: 72 * 60 * MINUTE_MS,
    notices_window_ms: 24 * 60 * MINUTE_MS,
    notices_max: 10_000,
  };
}

/**
 * How long until the next step: bursts, so that commands meet in batches, and lulls, so that leases end and names age.
 */
export function drawWait(chance: Chance): number {
  switch (chance.weighted({ burst: 60, flow: 28, lull: 12 })) {
    case 'burst':
      return chance.between(1, 800);
    case 'flow':
      return chance.between(1_000, 30_000);
    case 'lull':
      return chance.between(30_000, 6 * MINUTE_MS);
  }
}
