/** What tenants and keys have used of their quotas today: counted in the fold, by UTC days of log time, so that it holds over instances and restarts. */
import { DAY_MS, HOUR_MS } from '../../../protocol/time.ts';
import type { Limits } from './limits.ts';
import type { State } from './state.ts';
import { plus } from './sums.ts';

/** `day`: days since 1970; figures of another day than today count as 0. */
export type Usage = { day: number; jobs: number; audio_ms: number; upload_bytes: number };

export type Used = Pick<Usage, 'jobs' | 'audio_ms' | 'upload_bytes'>;

export const NOTHING_USED: Used = { jobs: 0, audio_ms: 0, upload_bytes: 0 };

/** Who is counted: a tenant, and the key of a request. */
export type Counted = { tenant: string; key_id: string | null };

export type QuotaName = 'jobs_per_day' | 'audio_hours_per_day' | 'upload_bytes_per_day';

/** A quota that a request exceeds. `used` and `asked` in the unit of the limit. */
export type Over = {
  quota: QuotaName;
  of: 'tenant' | 'key';
  name: string;
  limit: number;
  used: number;
  asked: number;
};

export const dayOf = (at_ms: number): number => Math.floor(at_ms / DAY_MS);

export const usageNameOf = (of: 'tenant' | 'key', name: string): string => `${of}|${name}`;

export function usageOf({ tables }: State, name: string, day: number): Usage {
  const known = tables.usage.get(name);
  return known?.day === day ? known : { day, ...NOTHING_USED };
}

/** Counts for the tenant, if tenants are told apart, and for the key, if it has a quota. */
export function countUse(state: State, { tenant, key_id }: Counted, { jobs, audio_ms, upload_bytes }: Used): void {
  const { tables } = state;
  const names = [
    ...(tables.tenants.size > 0 ? [usageNameOf('tenant', tenant)] : []),
    ...(key_id !== null && tables.keys.get(key_id)?.limits ? [usageNameOf('key', key_id)] : []),
  ];
  for (const name of names) {
    const used = usageOf(state, name, dayOf(state.at_ms));
    tables.usage.set(name, {
      day: used.day,
      jobs: used.jobs + jobs,
      audio_ms: plus(used.audio_ms, audio_ms),
      upload_bytes: plus(used.upload_bytes, upload_bytes),
    });
  }
}

/** The first quota that would be exceeded by these; null if there is none. */
export function overQuota(state: State, { tenant, key_id }: Counted, asked: Used, at_ms: number): Over | null {
  const { tables } = state;
  const limits: readonly [Over['of'], string, Limits | undefined][] = [
    ['tenant', tenant, tables.tenants.get(tenant)?.limits],
    ['key', key_id ?? '', key_id === null ? undefined : tables.keys.get(key_id)?.limits],
  ];
  for (const [of, name, limit] of limits) {
    if (!limit) continue;
    const used = usageOf(state, usageNameOf(of, name), dayOf(at_ms));
    const figures: readonly [QuotaName, number, number][] = [
      ['jobs_per_day', used.jobs, asked.jobs],
      ['audio_hours_per_day', used.audio_ms / HOUR_MS, asked.audio_ms / HOUR_MS],
      ['upload_bytes_per_day', used.upload_bytes, asked.upload_bytes],
    ];
    for (const [quota, before, more] of figures) {
      const max = limit[quota];
      if (max !== null && more > 0 && before + more > max) {
        return { quota, of, name, limit: max, used: before, asked: more };
      }
    }
    // The length of a recording may be known only once it has been fetched: then the day is over with the quota.
    const audio_max = limit.audio_hours_per_day;
    if (audio_max !== null && asked.jobs > 0 && used.audio_ms >= audio_max * HOUR_MS) {
      return { quota: 'audio_hours_per_day', of, name, limit: audio_max, used: used.audio_ms / HOUR_MS, asked: 0 };
    }
  }
  return null;
}

/** The key that an actor is; null if it is none. */
export const keyIn = (actor: string | undefined): string | null =>
  actor?.startsWith('key:') ? actor.slice('key:'.length) : null;
