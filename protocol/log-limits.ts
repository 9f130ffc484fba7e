/** What the log of an attempt may have, and the headers of a response with it; without a schema, for clients. */

/** Of a log, only so much is kept: the end of it. */
export const ATTEMPT_LOG_BYTES_MAX = 64 * 1024;

/** Where the log ends: the `after` of the next request. */
export const LOG_END_HEADER = 'log-end';
/** `true` once nothing more will come. */
export const LOG_COMPLETE_HEADER = 'log-complete';
