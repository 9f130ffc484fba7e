/** Tenants as users see them: their settings, what they have used today, and how many of their jobs wait and run. */
import { PRIORITIES } from '../../protocol/job.ts';
import type { Tenant } from '../../protocol/tenant.ts';
import { DAY_MS, formatTime, HOUR_MS } from '../../protocol/time.ts';
import type { State } from '../state-machine/state/state.ts';
import type { TenantRecord } from '../state-machine/state/tenants.ts';
import { dayOf, usageNameOf, usageOf } from '../state-machine/state/usage.ts';
import { round, time } from './figures.ts';

/** `at_ms`: log time, whose day is today. */
export function tenantDocument(state: State, tenant: TenantRecord, at_ms: number): Tenant {
  const { id, weight, limits, paused_ms } = tenant;
  const { waiting_of, running_of } = state.tables;
  const { day, jobs, audio_ms, upload_bytes } = usageOf(state, usageNameOf('tenant', id), dayOf(at_ms));
  return {
    tenant: id,
    weight,
    ...limits,
    paused: paused_ms !== null,
    paused_at: time(paused_ms),
    waiting: PRIORITIES.reduce((sum, priority) => sum + (waiting_of.get(`${id}|${priority}`) ?? 0), 0),
    running: running_of.get(id) ?? 0,
    usage: {
      day: formatTime(day * DAY_MS).slice(0, 10),
      jobs,
      audio_hours: round(audio_ms / HOUR_MS, 1e4),
      upload_bytes,
      resets_at: formatTime((day + 1) * DAY_MS),
    },
    as_of_seq: state.seq,
  };
}
