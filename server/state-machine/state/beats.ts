/** The rhythm of a worker's heartbeats, and when its silence is more than that. */
import type { Beats, WorkerRecord } from './records.ts';

/** Not heard for so many usual intervals: it, the network or the monitor was away. */
const AWAY = 2.5;
const AWAY_MS_MIN = 10_000;
/** Of a worker whose rhythm is not known yet. */
const AWAY_MS_UNKNOWN = 30_000;
/** A shorter interval changes what is usual slowly, so that one lost heartbeat is remembered for about thirty. */
const SHORTER_WEIGHT = 0.03;
/** After an absence the rhythm may be another one: it is learned in a few heartbeats. */
const LONGER = 1.5;
const INTERVAL_MS_MAX = 60_000;

/** After so long a silence the worker is away. */
export function awayAfter({ beats }: Pick<WorkerRecord, 'beats'>): number {
  const usual_ms = beats?.interval_ms ?? null;
  return usual_ms === null ? AWAY_MS_UNKNOWN : Math.max(AWAY_MS_MIN, AWAY * usual_ms);
}

/** Whether it misses heartbeats, and nothing else shows that it lives. `heard_ms`: its last sign of life of any kind. */
export function isAway(worker: Pick<WorkerRecord, 'beats'>, heard_ms: number, at_ms: number): boolean {
  const { interval_ms = null, last_ms = heard_ms } = worker.beats ?? {};
  const limit_ms = awayAfter(worker);
  if (interval_ms === null) return at_ms - heard_ms > limit_ms;
  return at_ms - last_ms > limit_ms && at_ms - heard_ms > OTHER_SIGNS * interval_ms;
}

/** A report shortly before its end does not hide missed heartbeats for longer than this. */
const OTHER_SIGNS = 1.5;

/** After one more heartbeat. */
export function beaten(beats: Beats | undefined, at_ms: number): Beats {
  if (beats === undefined) return { last_ms: at_ms, interval_ms: null, back_ms: 0 };
  const passed_ms = at_ms - beats.last_ms;
  const usual_ms = beats.interval_ms;
  if (passed_ms > awayAfter({ beats })) {
    const interval_ms = usual_ms === null ? null : Math.min(usual_ms * LONGER, INTERVAL_MS_MAX);
    return { last_ms: at_ms, interval_ms, back_ms: at_ms };
  }
  const interval_ms =
    usual_ms === null || passed_ms > usual_ms ? passed_ms : usual_ms + (passed_ms - usual_ms) * SHORTER_WEIGHT;
  return { last_ms: at_ms, interval_ms, back_ms: beats.back_ms };
}
