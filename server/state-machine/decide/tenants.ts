/** Decisions about tenants: their settings, pauses and quotas. */
import { DEFAULT_TENANT } from '../../../protocol/tenant-id.ts';
import { DAY_MS } from '../../../protocol/time.ts';
import type { Event } from '../events.ts';
import type { State } from '../state/state.ts';
import { TENANTS_MAX, type TenantRecord } from '../state/tenants.ts';
import { type Counted, dayOf, keyIn, NOTHING_USED, type Over, overQuota, type Used } from '../state/usage.ts';
import type { CommandBody } from './commands.ts';
import { type Context, type Decision, type Refusal, refuse } from './decision.ts';

type Body<T extends CommandBody['type']> = CommandBody & { type: T };
type About = { tenant: string; by: string };

export function setTenant(state: State, { tenant, weight, limits, by }: Body<'set_tenant'>): Decision {
  const refusal = unknownBeyond(state, [tenant]);
  if (refusal) return { refusal };
  const known = state.tables.tenants.get(tenant);
  if (known && known.weight === weight && JSON.stringify(known.limits) === JSON.stringify(limits))
    return { events: [] };
  return { events: [{ type: 'TenantSet', entity: tenant, data: { weight, limits, by } }] };
}

export function resetTenant(state: State, { tenant, by }: About): Decision {
  return of(state, tenant, () => ({ type: 'TenantReset', entity: tenant, data: { by } }));
}

export function pauseTenant(state: State, { tenant, by }: About): Decision {
  return of(state, tenant, ({ paused_ms }) =>
    paused_ms === null ? { type: 'TenantPaused', entity: tenant, data: { by } } : null,
  );
}

export function resumeTenant(state: State, { tenant, by }: About): Decision {
  return of(state, tenant, ({ paused_ms }) =>
    paused_ms === null ? null : { type: 'TenantResumed', entity: tenant, data: { by } },
  );
}

function of(state: State, id: string, decide: (tenant: TenantRecord) => Event | null): Decision {
  const tenant = state.tables.tenants.get(id);
  if (!tenant) {
    return refuse('not_found', 'tenant_not_found', `there is no tenant ${id}`, {
      hint: 'tmon tenants lists the tenants.',
    });
  }
  const event = decide(tenant);
  return { events: event === null ? [] : [event] };
}

export function countUpload(state: State, body: Body<'count_upload'>, { at_ms }: Context): Decision {
  const { upload_id, upload_bytes, tenant, key_id } = body;
  const counted = { tenant: tenant ?? DEFAULT_TENANT, key_id: key_id ?? null };
  const over = overQuota(state, counted, { ...NOTHING_USED, upload_bytes }, at_ms);
  if (over) return { refusal: quotaRefusal(over, at_ms) };
  const data = {
    upload_bytes,
    ...(tenant === undefined ? {} : { tenant }),
    ...(key_id === undefined ? {} : { key_id }),
  };
  return { events: [{ type: 'UploadCounted', entity: upload_id, data }] };
}

type Submitted = { tenant?: string | undefined; duration_seconds?: number | null | undefined };

/** Why these jobs exceed a quota, of their tenants or of the key that submits them; null if they do not. */
export function submissionRefusal(
  state: State,
  jobs: readonly Submitted[],
  submitted_by: string | undefined,
  at_ms: number,
): Refusal | null {
  const key_id = keyIn(submitted_by);
  if (state.tables.tenants.size === 0 && (key_id === null || !state.tables.keys.get(key_id)?.limits)) {
    const named = jobs.some(({ tenant }) => tenant !== undefined);
    if (!named) return null;
  }
  const asked = new Map<string, Used>();
  const all = { ...NOTHING_USED };
  for (const { tenant = DEFAULT_TENANT, duration_seconds } of jobs) {
    const used = asked.get(tenant) ?? { ...NOTHING_USED };
    for (const sum of [used, all]) {
      sum.jobs += 1;
      sum.audio_ms += Math.round(1000 * (duration_seconds ?? 0));
    }
    asked.set(tenant, used);
  }
  const refusal = unknownBeyond(state, [...asked.keys()]);
  if (refusal) return refusal;
  const counts: [Counted, Used][] = [...asked].map(([tenant, used]) => [{ tenant, key_id: null }, used]);
  for (const [counted, used] of [...counts, [{ tenant: '', key_id }, all] as [Counted, Used]]) {
    const over = overQuota(state, counted, used, at_ms);
    if (over) return quotaRefusal(over, at_ms);
  }
  return null;
}

/** Why these tenants cannot all be known; null if they can. */
export function unknownBeyond({ tables }: State, ids: readonly string[]): Refusal | null {
  const unknown = ids.filter((id) => !tables.tenants.has(id)).length;
  if (tables.tenants.size + unknown <= TENANTS_MAX) return null;
  return refuse('conflict', 'too_many_tenants', `there are ${TENANTS_MAX} tenants already`, {
    hint: 'Delete those that nobody uses: DELETE /api/v1/tenants/{tenant}',
  }).refusal;
}

/** Nothing of the request has an effect. */
export function quotaRefusal({ quota, of, name, limit, used, asked }: Over, at_ms: number): Refusal {
  const seconds = Math.ceil(((dayOf(at_ms) + 1) * DAY_MS - at_ms) / 1000);
  const whose = of === 'tenant' ? `tenant ${name}` : 'this key';
  const [what, per] = [WORDS[quota], rounded(limit)];
  return {
    kind: 'busy',
    code: 'quota_exceeded',
    message: `${whose} has a quota of ${per} ${what} a day: ${rounded(used)} are used, and these are ${rounded(asked)} more`,
    hint: 'The day ends at 00:00 UTC. Nothing of the request has taken effect.',
    retry_after_seconds: seconds,
    extra: { quota, of, limit, used: rounded(used), asked: rounded(asked), resets_in_seconds: seconds },
  };
}

const WORDS = { jobs_per_day: 'jobs', audio_hours_per_day: 'hours of audio', upload_bytes_per_day: 'bytes uploaded' };

const rounded = (figure: number): number => Math.round(figure * 1e4) / 1e4;
