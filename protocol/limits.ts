/**
 * The largest numbers that are taken from anyone, at every door: far above anything real, and small enough that what is worked
 * out from them, and the sums over millions of jobs, stay exact.
 */

/** 31 years. */
export const SECONDS_MAX = 1e9;
/** An hour. */
export const USD_MAX = 1e6;
export const COUNT_MAX = Number.MAX_SAFE_INTEGER;
