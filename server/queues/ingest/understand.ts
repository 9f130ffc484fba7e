/**
 * The jobs that a message of others submits: `{"audio_url": …}` with any field of a submission, or an S3 event with one
 * job per object created. The ids follow from the message, or from the event, so that a second delivery means the same
 * jobs.
 */
import { hash } from 'node:crypto';
import type { JobSubmission } from '../../../protocol/job.ts';
import type { Received } from '../message-queue.ts';
import type { NewJob, Understood } from './intake.ts';
import { type IngestRule, optionsFor } from './rules.ts';
import { createdObjects, type S3Object } from './s3-event.ts';

/** Checks a submission against its schema. */
export type Validate = (value: unknown) => { value: JobSubmission } | { why: string };

export type UnderstandOptions = {
  rules: readonly IngestRule[];
  /** `s3://bucket/prefix/`: where the monitor's own objects are. */
  own_urls: readonly string[];
  validate: Validate;
};

export function understand({ message_id, body }: Received, options: UnderstandOptions): Understood {
  const parsed = parse(body);
  if (parsed === undefined) return { why: 'it is not JSON' };
  const objects = createdObjects(parsed);
  if (objects)
    return fromObjects(
      objects.filter((object) => isRecording(object, options)),
      options,
    );
  if (!hasAudioUrl(parsed)) return { why: 'it is neither a submission with audio_url nor an S3 event' };
  const checked = options.validate(parsed);
  if ('why' in checked) return checked;
  return { jobs: [{ ...checked.value, job_id: idOf(message_id) }] };
}

function fromObjects(objects: readonly S3Object[], { rules, validate }: UnderstandOptions): Understood {
  const jobs: NewJob[] = [];
  for (const { size, event, ...place } of objects) {
    const audio_url = urlOf(place);
    const known = size === null ? {} : { file_size_bytes: size };
    const checked = validate({ ...known, ...optionsFor(rules, audio_url), audio_url });
    if ('why' in checked) return { why: `${audio_url}: ${checked.why}` };
    jobs.push({ ...checked.value, job_id: idOf(event) });
  }
  return { jobs };
}

/** Not a folder, not text, and not written by this monitor or its workers. */
function isRecording(object: S3Object, { own_urls }: UnderstandOptions): boolean {
  if (/(\/|\.json|\.txt)$/i.test(object.key)) return false;
  return !own_urls.some((prefix) => urlOf(object).startsWith(prefix));
}

const urlOf = ({ bucket, key }: Pick<S3Object, 'bucket' | 'key'>): string => `s3://${bucket}/${key}`;

/** 128 bits of a hash. */
const idOf = (of: string): string => `job-${hash('sha256', of, 'hex').slice(0, 32)}`;

const hasAudioUrl = (value: unknown): boolean => typeof value === 'object' && value !== null && 'audio_url' in value;

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
