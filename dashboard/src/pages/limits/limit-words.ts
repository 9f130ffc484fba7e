/** Limits as they are typed and shown: numbers or nothing, bytes as gigabytes. */
import type { Tenant } from '../../../../protocol/tenant.ts';
import { bytes, count } from '../../parts/format.ts';

export type Limits = Pick<Tenant, 'max_running' | 'jobs_per_day' | 'audio_hours_per_day' | 'upload_bytes_per_day'>;

export const NO_LIMITS: Limits = {
  max_running: null,
  jobs_per_day: null,
  audio_hours_per_day: null,
  upload_bytes_per_day: null,
};

const GB = 1e9;

/** As typed: bytes in GB. */
export const FIELDS: readonly { name: keyof Limits; label: string; unit: number; least: number; decimals: number }[] = [
  { name: 'max_running', label: 'Jobs at once', unit: 1, least: 1, decimals: 0 },
  { name: 'jobs_per_day', label: 'Jobs a day', unit: 1, least: 0, decimals: 0 },
  { name: 'audio_hours_per_day', label: 'Hours of audio a day', unit: 1, least: 0, decimals: 2 },
  { name: 'upload_bytes_per_day', label: 'GB uploaded a day', unit: GB, least: 0, decimals: 3 },
];

/** What was typed, as a limit; an empty field is none. */
export function limitOf(typed: string | number, unit: number): number | null {
  if (typed === '') return null;
  const value = Number(typed) * unit;
  return unit === 1 ? value : Math.round(value);
}

/** Those that are set, for a request. */
export const given = (limits: Limits): Partial<Limits> =>
  Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== null));

/** `8 at once`, `500 jobs a day`: those that are set. */
export function limitWords({ max_running, jobs_per_day, audio_hours_per_day, upload_bytes_per_day }: Limits): string[] {
  const words = [
    max_running !== null && `${count(max_running)} at once`,
    jobs_per_day !== null && `${count(jobs_per_day)} jobs a day`,
    audio_hours_per_day !== null && `${hours(audio_hours_per_day)} of audio a day`,
    upload_bytes_per_day !== null && `${bytes(upload_bytes_per_day)} uploaded a day`,
  ];
  return words.filter((word) => word !== false);
}

/** `120 of 1,000`; without a limit what was used. */
export const usedOf = (used: number, limit: number | null, show: (value: number) => string = count): string =>
  limit === null ? show(used) : `${show(used)} of ${show(limit)}`;

export const hours = (value: number): string => `${value.toFixed(value < 10 ? 1 : 0)} h`;

export type Use = { text: string; reached: boolean };

export function usesOf({
  usage,
  running,
  ...limits
}: Tenant): Readonly<Record<'running' | 'jobs' | 'audio' | 'upload', Use>> {
  const use = (used: number, limit: number | null, show?: (value: number) => string): Use => ({
    text: usedOf(used, limit, show),
    reached: limit !== null && used >= limit,
  });
  return {
    running: use(running, limits.max_running),
    jobs: use(usage.jobs, limits.jobs_per_day),
    audio: use(usage.audio_hours, limits.audio_hours_per_day, hours),
    upload: use(usage.upload_bytes, limits.upload_bytes_per_day, bytes),
  };
}
