/** Why the job is where it is. Asked again when its state, verdict or attempt changes, and while it waits when the queue does. */
import { useEffect, useState } from 'react';
import type { Job } from '../../../../protocol/job.ts';
import type { JobWhy } from '../../../../protocol/why.ts';
import { useLive, useValue } from '../../live/use-live.ts';

const STEP_PERCENT = 5;

export function useWhy(job: Job | undefined): JobWhy | null {
  const live = useLive();
  const queue = useValue(live.queue);
  const [why, setWhy] = useState<JobWhy | null>(null);
  const job_id = job?.job_id;
  const waits = job?.state === 'QUEUED' || job?.state === 'SUBMITTED';
  const key =
    job &&
    [
      job.state,
      job.retry_info.attempt,
      job.verdict?.status,
      job.verdict?.reason,
      Math.floor(job.progress.percentage / STEP_PERCENT),
      waits ? queue?.as_of_seq : '',
    ].join();
  useEffect(() => {
    if (job_id === undefined || key === undefined) return;
    const stop = new AbortController();
    live.api.jobs.why(job_id, { signal: stop.signal }).then(setWhy, () => {});
    return () => stop.abort();
  }, [live, job_id, key]);
  return why?.job_id === job_id ? why : null;
}
