/** Times and numbers as documents show them. */
import { formatTime } from '../../protocol/time.ts';

export const time = (at_ms: number | null): string | null => (at_ms === null ? null : formatTime(at_ms));

export const seconds = (duration_ms: number): number => Math.round(duration_ms) / 1000;

export const round = (value: number, parts: number): number => Math.round(value * parts) / parts;
