/** Time limits of an engine as people type them: `90s`, `30m`, `2h`; `off`; and `10x`, a multiple of the recording's length. */
import type { EngineLimits } from './engine.ts';

const UNITS_MS = { s: 1_000, m: 60_000, h: 3_600_000 };

/** Null if it is none. */
export function readStallTimeout(text: string): EngineLimits['stall_ms'] | null {
  return text === 'off' ? 'off' : readTime(text);
}

/** Null if it is none. */
export function readJobTimeout(text: string): EngineLimits['job'] | null {
  const times = Number(/^(\d{1,4}(?:\.\d{1,3})?)x$/.exec(text)?.[1]);
  if (times > 0) return { times };
  const ms = readTime(text);
  return ms === null ? null : { ms };
}

/** Null if it is none. */
export function readTime(text: string): number | null {
  const [, count, unit] = /^(\d{1,6})([smh])$/.exec(text) ?? [];
  return Number(count) > 0 ? Number(count) * UNITS_MS[unit as keyof typeof UNITS_MS] : null;
}

export const TIME_HINT = 'a time like 90s, 10m or 2h';
export const STALL_TIMEOUT_HINT = `${TIME_HINT}, or off`;
export const JOB_TIMEOUT_HINT = 'a time like 30m or 2h, or a multiple of the length of the recording like 10x';
