import type { AlertRules } from '../../alerts/rules/rules.ts';
import type { Routing } from '../../notices/routes/routes.ts';
import type { Policies } from '../../policies/policies.ts';

/** Settings for decisions. Events contain what follows from them, so that applying needs no settings. */
export type Policy = {
  lease_ms: number;
  kill_deadline_ms: number;
  retry_base_ms: number;
  retry_max_ms: number;
  passes_max: number;
  elsewhere_ms: number;
  worker_degraded_ms: number;
  worker_lost_ms: number;
  worker_terminated_ms: number;
  worker_start_ms: number;
  dlq_window_ms: number;
  commands_window_ms: number;
  commands_max: number;
  alerts: AlertRules;
  policies: Policies;
  routing: Routing;
  notice_claim_ms: number;
  notice_retry_base_ms: number;
  notice_retry_max_ms: number;
  notice_give_up_ms: number;
  notices_window_ms: number;
  notices_max: number;
};
