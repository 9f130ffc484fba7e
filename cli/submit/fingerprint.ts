/**
 * What was submitted before by the same command, known by a value in the metadata of its jobs: a hash of the options of the
 * command, a dot, and the SHA-256 of the bytes (of a URL: of the URL and the version of the object). The jobs of the monitor are the record,
 * so that the command goes on from any machine, however long ago it was interrupted.
 */
import { createHash, hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { JobSubmission } from '../../protocol/job.ts';
import type { JobWithId, TranscriptionAPI } from '../../sdk/typescript/index.ts';
import type { Input } from './inputs.ts';

export const FINGERPRINT = 'submitted_as';

const PAGE = 1000;

/** Of the options that all recordings of a command have. */
export function commandHash(submission: Omit<JobSubmission, 'audio_url'>): string {
  return hash('sha256', JSON.stringify(sorted(submission)), 'hex').slice(0, 16);
}

export async function fingerprintOf(input: Input, command: string, signal?: AbortSignal): Promise<string> {
  if ('url' in input) return `${command}.${hash('sha256', `${input.url}\n${input.version ?? ''}`, 'hex')}`;
  const digest = createHash('sha256');
  for await (const bytes of createReadStream(input.path, { highWaterMark: 1024 * 1024, signal })) digest.update(bytes);
  return `${command}.${digest.digest('hex')}`;
}

/** The jobs that the command has submitted, by fingerprint; of several the newest. */
export async function jobsOf(
  api: TranscriptionAPI,
  command: string,
  { tag, signal }: { tag?: string | undefined; signal?: AbortSignal | undefined },
): Promise<Map<string, JobWithId>> {
  const known = new Map<string, JobWithId>();
  for await (const job of api.jobs.list(
    { q: command, limit: PAGE, ...(tag === undefined ? {} : { tag }) },
    { signal },
  )) {
    const fingerprint = job.metadata[FINGERPRINT];
    if (fingerprint?.startsWith(`${command}.`) && !known.has(fingerprint)) known.set(fingerprint, job);
  }
  return known;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, one]) => [name, sorted(one)]),
  );
}
