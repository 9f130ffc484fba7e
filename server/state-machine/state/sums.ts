/**
 * Exact sums, so that they are equal in a live fold and in one restored from a snapshot. New input is bounded
 * (protocol/limits.ts); old journals may contain any number that JSON can represent.
 */
import { USD_MAX } from '../../../protocol/limits.ts';

/** The sum, at most the greatest safe integer. */
export const plus = (sum: number, more: number): number => Math.min(sum + more, Number.MAX_SAFE_INTEGER);

/** A price in millionths of a dollar. */
export const microUsd = (usd: number): number => Math.round(Math.min(usd, USD_MAX) * 1e6);
