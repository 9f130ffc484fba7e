/** Names of jobs, workers, alerts and uploads: what they may look like, in one place, so that every key built from one is safe. */
import { type Static, Type } from 'typebox';

/** Safe as a path segment, a URL segment and a file name on every system. */
export const ID_PATTERN = '^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$';

const id = new RegExp(ID_PATTERN);

export function isId(text: string): boolean {
  return id.test(text);
}

export const Id = Type.String({ pattern: ID_PATTERN, description: 'An id: letters, digits, `_` and `-`, at most 64.' });
export type Id = Static<typeof Id>;

/** Kinds of thing we name ourselves: `job-`, `worker-`, `alert-`, `upload-` and a ULID. */
export type IdKind = 'job' | 'worker' | 'alert' | 'upload';
