/**
 * Ids of jobs, workers, alerts and uploads. Their pattern is defined once, so that every key built from one is safe.
 */
import { type Static, Type } from 'typebox';
import { ID_PATTERN, isId } from './id-pattern.ts';

export { ID_PATTERN, isId };

export const Id = Type.String({
  pattern: ID_PATTERN,
  examples: ['id-abc123'],
  description: 'An id: letters, digits, `_` and `-`, at most 64.',
});
export type Id = Static<typeof Id>;

/** Kinds of thing that the monitor names: `job-`, `worker-`, `alert-`, `silence-` or `upload-`, followed by a ULID. */
export type IdKind = 'job' | 'worker' | 'alert' | 'silence' | 'upload';
