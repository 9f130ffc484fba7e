/** Erasures as users see them. */
import type { Erasure } from '../../protocol/erasure.ts';
import { formatTime } from '../../protocol/time.ts';
import type { ErasureRecord } from '../state-machine/state/erasures.ts';
import type { JobRecord } from '../state-machine/state/records.ts';
import { withoutCredentials } from './job.ts';

/** `journal_until_ms`: see erasing.ts. */
export function erasureDocument(erasure: ErasureRecord, journal_until_ms: number): Erasure {
  const { job_id, erased_ms, by, reason, stage } = erasure;
  return {
    job_id,
    erased_at: formatTime(erased_ms),
    erased_by: by,
    reason,
    stage,
    journal_until: formatTime(journal_until_ms),
  };
}

/** What belongs to the jobs and is outside the store, where the monitor deletes nothing. `isOurs`: whether a URL is in the store. */
export function elsewhere(jobs: readonly JobRecord[], isOurs: (url: string) => boolean): string[] {
  const urls = jobs.flatMap(({ audio_url, output }) => [withoutCredentials(audio_url), output?.s3_path ?? '']);
  return [...new Set(urls)].filter((url) => url !== '' && !url.startsWith('upload://') && !isOurs(url));
}
