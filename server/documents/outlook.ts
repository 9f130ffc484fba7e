/** When a job is expected to begin and to end, as users see it. */
import type { Estimate as Shown } from '../../protocol/estimate.ts';
import type { Job } from '../../protocol/job.ts';
import { formatTime } from '../../protocol/time.ts';
import type { Estimate } from '../state-machine/state/promises.ts';
import type { JobRecord } from '../state-machine/state/records.ts';
import type { Outlook } from '../verdicts/forecast.ts';

export const estimateDocument = (estimate: Estimate | null): Shown | null =>
  estimate && { p50: formatTime(estimate.p50_ms), p90: formatTime(estimate.p90_ms) };

export function outlookDocument({
  position,
  start,
  end,
}: Outlook): Pick<Job, 'queue_position' | 'expected_start' | 'expected_completion'> {
  return {
    queue_position: position,
    expected_start: estimateDocument(start),
    expected_completion: estimateDocument(end),
  };
}

/** As it was when the job was queued, or began: for documents that follow from the record alone. */
export function outlookThen({ state, promise, run }: JobRecord): Outlook {
  const end = promise?.end?.estimate ?? null;
  if (state === 'QUEUED') return { position: null, start: promise?.start?.estimate ?? null, end };
  if (state !== 'PROCESSING') return { position: null, start: null, end: null };
  return { position: null, start: null, end: run?.end ?? end };
}

/** The same in a message of the feed: what is not known is left out. */
export function expectedFields({ start, end }: { start?: Estimate | null; end?: Estimate | null }): {
  expected_start?: Shown;
  expected_completion?: Shown;
} {
  return {
    ...(start ? { expected_start: estimateDocument(start)! } : {}),
    ...(end ? { expected_completion: estimateDocument(end)! } : {}),
  };
}
