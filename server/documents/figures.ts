/** Times and numbers in documents. Total, since old journals may contain any number, and clocks of sources any time. */
import { formatTime } from '../../protocol/time.ts';

export const time = (at_ms: number | null): string | null => (at_ms === null ? null : formatTime(at_ms));

/** At least 0. */
export const seconds = (duration_ms: number): number => Math.max(0, Math.round(duration_ms)) / 1000;

export const round = (value: number, parts: number): number => Math.round(value * parts) / parts;
