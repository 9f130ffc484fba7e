/** The labels by which policies select jobs and workers. */
import type { Labels } from '../../../protocol/alert-labels.ts';
import type { JobRecord, WorkerRecord } from '../state/records.ts';

/** Of a running job: what it runs on. Its tags are apart, since a job may have several. */
export function labelsOfJob({ job_id, priority }: JobRecord, worker: WorkerRecord | undefined): Labels {
  return { ...(worker ? labelsOfWorker(worker) : {}), job: job_id, priority };
}

export function labelsOfWorker({ worker_id, capabilities, location }: WorkerRecord): Labels {
  const { model, device } = capabilities;
  const { instance_type, region, availability_zone } = location;
  const known = Object.entries({ model, device, instance_type, region, availability_zone });
  return Object.fromEntries([
    ['worker', worker_id],
    ...known.flatMap(([name, value]) => (value == null ? [] : [[name, value] as const])),
  ]);
}
