/** The workers that hold a job: when each was last heard of, and whether it has been silent for too long. Pure. */
import type { CheckedWorker } from '../../protocol/check.ts';
import { formatTime } from '../../protocol/time.ts';
import type { Heartbeat } from '../source.ts';
import type { KnownJob } from './judge.ts';
import { heardAt, paceLimit } from './track.ts';
import { nameOf } from './words.ts';

export type WorkerOptions = { quiet_after_ms: number; stuck_after_ms: number };

/** `heard`: of workers, by the jobs that they have completed. */
type SignsOfLife = { heard: ReadonlyMap<string, number>; heartbeats: ReadonlyMap<string, Heartbeat> };

type Held = { ids: string[]; patience_ms: number };

/**
 * Any report about a worker's jobs counts as a sign of life. A worker without jobs may be silent: it is idle, or has
 * exited. One whose jobs report rarely is given the time they need. Of a worker that sends heartbeats to a monitor, the monitor
 * says whether it is silent, whatever the age of its jobs' records.
 */
export function checkWorkers(
  jobs: readonly KnownJob[],
  { heard: elsewhere, heartbeats }: SignsOfLife,
  now_ms: number,
  { quiet_after_ms, stuck_after_ms }: WorkerOptions,
): CheckedWorker[] {
  const heard = new Map(elsewhere);
  const held = new Map<string, Held>();
  for (const { sighting, track, off_ms = 0 } of jobs) {
    const { worker_id, state } = sighting;
    if (worker_id === null) continue;
    const told_ms = heardAt(sighting.told_ms, track.seen_ms, now_ms) + Math.max(0, off_ms);
    heard.set(worker_id, Math.max(heard.get(worker_id) ?? 0, Math.min(told_ms, now_ms)));
    if (state !== 'PROCESSING') continue;
    const limit_ms = paceLimit(track, stuck_after_ms) ?? 0;
    const { ids, patience_ms } = held.get(worker_id) ?? { ids: [], patience_ms: Number.POSITIVE_INFINITY };
    held.set(worker_id, { ids: [...ids, nameOf(sighting)], patience_ms: Math.min(patience_ms, limit_ms) });
  }
  return [...held]
    .map(([worker_id, { ids, patience_ms }]) => {
      const heartbeat = heartbeats.get(worker_id);
      const heard_ms = Math.max(heard.get(worker_id) ?? now_ms, heartbeat?.heard_ms ?? 0);
      const silent_ms = Math.max(0, now_ms - heard_ms);
      const quiet = heartbeat ? !heartbeat.healthy : silent_ms > Math.max(quiet_after_ms, patience_ms);
      return {
        worker_id,
        quiet,
        heard_at: formatTime(heard_ms),
        silent_seconds: Math.round(silent_ms / 1000),
        running: ids.sort(),
      };
    })
    .sort((a, b) => Number(b.quiet) - Number(a.quiet) || (a.worker_id < b.worker_id ? -1 : 1));
}
