/** `jobs/active/{job_id}/…`: a job from its submission to its end, in four documents. */
import { assignmentDocument, jobDocument, progressDocument, timelineDocument } from '../documents/job.ts';
import { finished, type JobRecord } from '../state-machine/state/records.ts';
import { activeJobKey } from './keys.ts';
import type { View } from './view.ts';

export function activeJobView(job: JobRecord): View {
  const keys = activeJobKeys(job.job_id);
  if (finished(job.state)) return { present: [], absent: keys };
  const documents = [jobDocument, progressDocument, assignmentDocument, timelineDocument];
  return { present: keys.map((key, index) => ({ key, document: () => documents[index]!(job) })), absent: [] };
}

export function activeJobKeys(job_id: string): string[] {
  return [
    activeJobKey(job_id, 'state'),
    activeJobKey(job_id, 'progress'),
    activeJobKey(job_id, 'worker'),
    activeJobKey(job_id, 'timeline'),
  ];
}
