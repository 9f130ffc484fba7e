/** Times and numbers as documents show them. Total: a journal of before may hold any number, and a source's clock any time. */
import { formatTime } from '../../protocol/time.ts';

export const time = (at_ms: number | null): string | null => (at_ms === null ? null : formatTime(at_ms));

/** Never negative. */
export const seconds = (duration_ms: number): number => Math.max(0, Math.round(duration_ms)) / 1000;

export const round = (value: number, parts: number): number => Math.round(value * parts) / parts;
