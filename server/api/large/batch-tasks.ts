/** A large batch of submissions, checked and cut into portions that the event loop can take one by one. */
import { hash } from 'node:crypto';
import type { FieldError } from '../../../protocol/errors.ts';
import { JobBatch, JobSubmission } from '../../../protocol/job.ts';
import { invalidPart } from '../errors.ts';
import { validator } from '../validation.ts';
import { parseBody } from './unparsed-body.ts';

/** Of JSON; a portion is one commit, and must fit in a segment of the journal. */
const PORTION_BYTES = 1024 * 1024;
/** Of one job. */
const ERRORS_MAX = 100;

/** `content`: what identifies the request, without its body. */
export type BatchInput = { bytes: Buffer; content: readonly unknown[] };

export type SplitBatch = {
  /** SHA-256 of the request's content as JSON, in base64url. */
  sha256: string;
  /** For each job of the batch what is wrong with it; null if nothing is. */
  errors: (FieldError[] | null)[];
  /** Of the jobs with which nothing is wrong. */
  good: Pick<JobSubmission, 'tags' | 'tenant' | 'duration_seconds'>[];
  /** These jobs: JSON arrays. */
  portions: Buffer[];
};

const batchOf = validator<{ jobs: unknown[] }>(JobBatch);
const submissionOf = validator<JobSubmission>(JobSubmission);

/** The same body is always cut at the same places. Throws MonitorError as any request with an invalid body does. */
export function splitBatch({ bytes, content }: BatchInput): SplitBatch {
  const body = parseBody(bytes);
  const checked = batchOf(body);
  if ('errors' in checked) throw invalidPart('body', checked.errors.slice(0, ERRORS_MAX));
  const split: SplitBatch = {
    sha256: hash('sha256', JSON.stringify([...content, body]), 'base64url'),
    errors: [],
    good: [],
    portions: [],
  };
  // Such a body has always been one commit.
  const portion_bytes = bytes.length <= PORTION_BYTES ? Number.POSITIVE_INFINITY : PORTION_BYTES;
  let texts: string[] = [];
  let size = 0;
  const end = () => {
    if (texts.length > 0) split.portions.push(Buffer.from(`[${texts.join(',')}]`));
    texts = [];
    size = 0;
  };
  for (const job of checked.value.jobs) {
    const one = submissionOf(job);
    split.errors.push('errors' in one ? one.errors.slice(0, ERRORS_MAX) : null);
    if ('errors' in one) continue;
    const { tags, tenant, duration_seconds } = one.value;
    split.good.push({
      ...(tags === undefined ? {} : { tags }),
      ...(tenant === undefined ? {} : { tenant }),
      ...(duration_seconds === undefined ? {} : { duration_seconds }),
    });
    const text = JSON.stringify(one.value);
    if (size + text.length > portion_bytes) end();
    texts.push(text);
    size += Buffer.byteLength(text);
  }
  end();
  return split;
}
