/** What the ended attempts of a job mean for the next one. Those from before it was begun anew, by hand, mean nothing. */
import { HANDED_BACK, type JobRecord, type Run } from './records.ts';

/** The ended attempts since the job was begun anew, latest first. */
export function* endedRuns({ attempt, run, earlier }: JobRecord): Generator<Run> {
  let next = attempt;
  for (let index = earlier.length; index >= 0; index -= 1) {
    const ended = index === earlier.length ? run : earlier[index]!;
    if (ended === null || ended.ended_ms === null) continue;
    // One that counted is followed by the next number, unless the numbers began anew.
    if (ended.attempt > next || (ended.attempt === next && counted(ended))) return;
    yield ended;
    next = ended.attempt;
  }
}

const counted = ({ error_code, fault }: Run): boolean => fault !== 'worker' && !HANDED_BACK.has(error_code ?? '');

/** Whether it says that its worker could not do the job. */
export const isFailure = ({ error_code }: Run): boolean =>
  error_code !== null && error_code !== 'cancelled' && !HANDED_BACK.has(error_code);
