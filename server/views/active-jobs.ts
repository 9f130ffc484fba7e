/** `jobs/active/{job_id}/…`: a job from its submission to its end, in four documents. */
import { assignmentDocument, jobDocument, progressDocument, timelineDocument } from '../state-machine/documents.ts';
import { finished, type JobRecord } from '../state-machine/records.ts';
import { activeJobKey } from './keys.ts';
import type { Present, View } from './view.ts';

export function activeJobView(job: JobRecord): View {
  const documents: Present[] = [
    { key: activeJobKey(job.job_id, 'state'), document: () => jobDocument(job) },
    { key: activeJobKey(job.job_id, 'progress'), document: () => progressDocument(job) },
    { key: activeJobKey(job.job_id, 'worker'), document: () => assignmentDocument(job) },
    { key: activeJobKey(job.job_id, 'timeline'), document: () => timelineDocument(job) },
  ];
  if (finished(job.state)) return { present: [], absent: documents.map(({ key }) => key) };
  return { present: documents, absent: [] };
}
