/**
 * What happens to a worker's jobs when its machine ends at a known time: one that will be done well before goes on, every
 * other one is handed back at once, so that another worker can begin, and whatever still runs HAND_BACK_MS before the end
 * is handed back then.
 */
import type { Clock } from './clock.ts';
import type { HeldJob } from './held-job.ts';

export type MachineEnd = { reason: string; ends_ms: number };

/** For the engine to end (5 s, then by force), and for the report to reach a monitor that may be slow. */
export const HAND_BACK_MS = 30_000;
/** No cloud gives longer notice, so a later time means that this machine's clock is wrong. */
const NOTICE_MS_MAX = 120_000;
/** An estimate may be this much too low. */
const ETA_FACTOR = 1.5;

/** Returns a function that ends the wait. */
export function handBackBefore(
  { reason, ends_ms }: MachineEnd,
  held: ReadonlyMap<string, HeldJob>,
  clock: Clock,
): () => void {
  const left_ms = Math.min(NOTICE_MS_MAX, ends_ms - clock.now()) - HAND_BACK_MS;
  const handBack = (jobs: Iterable<HeldJob>) => {
    for (const job of jobs) job.stop('reclaimed', reason);
  };
  const late = ({ secondsLeft }: HeldJob) => {
    const seconds = secondsLeft();
    return seconds === null || seconds * 1000 * ETA_FACTOR > left_ms;
  };
  handBack([...held.values()].filter(late));
  return clock.after(Math.max(0, left_ms), () => handBack(held.values()));
}
