/** `jobs/failed/{job_id}/state.json`: a job while it is in the dead-letter queue. */
import { jobDocument } from '../documents/job.ts';
import type { JobRecord } from '../state-machine/state/records.ts';
import { deadLetterKey } from './keys.ts';
import type { View } from './view.ts';

export function deadLetterView(job: JobRecord): View {
  const key = deadLetterKey(job.job_id);
  if (job.state === 'FAILED' && job.dead) return { present: [{ key, document: () => jobDocument(job) }], absent: [] };
  return { present: [], absent: job.history.some(({ state }) => state === 'FAILED') ? [key] : [] };
}
