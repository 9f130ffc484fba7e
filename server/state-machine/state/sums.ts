/**
 * Sums that stay exact, so that they are the same in a fold that lived through them and in one restored from a snapshot. What is
 * taken today is bounded (protocol/limits.ts); journals of before may hold any number that JSON can write.
 */
import { USD_MAX } from '../../../protocol/limits.ts';

/** A sum that would be beyond the exact whole numbers stays at the greatest. */
export const plus = (sum: number, more: number): number => Math.min(sum + more, Number.MAX_SAFE_INTEGER);

/** A price in millionths of a dollar. */
export const microUsd = (usd: number): number => Math.round(Math.min(usd, USD_MAX) * 1e6);
