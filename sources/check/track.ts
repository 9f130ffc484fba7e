/**
 * How a running job gets on: when it last moved, at what pace, and how long it may stand still before it is stuck (D17).
 *
 * What a source shows is often one report: started at, 45 %, told at. Tracks live from one reading to the next, in memory or
 * in a file, and so come to know the steps in which this job moves. The limit is, by what is known:
 * - its steps: 3 × the longest it has stood still;
 * - one report with a percentage: 3 × what 10 % took at its mean pace since the start, and no more than 3 × all the time so far;
 * - neither: `stuck_after_ms`.
 * It is never below 5 minutes (or `stuck_after_ms`, where that is less), so that a short pause of a fast job is none.
 */
import type { Sighting } from '../../protocol/sighting.ts';

export type Track = {
  started_ms: number | null;
  percentage: number | null;
  stage: string | null;
  /** Of the newest report. */
  told_ms: number;
  /** By our clock, when a report with this `told_ms` was first seen. */
  seen_ms: number;
  /** When percentage or stage last changed, as far as is known. */
  moved_ms: number;
  /** The longest it has stood still between two moves that were seen. */
  longest_still_ms: number | null;
  /** The last moves, oldest first. */
  points: Point[];
};

type Point = [at_ms: number, percentage: number];

export type Seen = { now_ms: number; moved_ms?: number | undefined };

const PATIENCE = 3;
const STEP_PERCENT = 10;
const LIMIT_LEAST_MS = 5 * 60_000;
const POINTS_MAX = 6;
/** Clocks of machines differ a little. */
const AHEAD_MAX_MS = 60_000;

export const isAhead = (told_ms: number, now_ms: number): boolean => told_ms > now_ms + AHEAD_MAX_MS;

/** The track with what this sighting adds. A job that starts again, or falls back, is tracked from there anew. */
export function follow(known: Track | undefined, sighting: Sighting, { now_ms, moved_ms }: Seen): Track {
  const { percentage, stage, started_ms, told_ms } = sighting;
  const ahead = isAhead(told_ms, now_ms);
  if (known === undefined || isAnother(known, sighting)) {
    const moved = moved_ms ?? told_ms;
    return {
      // A pace from times that are not trusted is none.
      started_ms: ahead ? null : started_ms,
      percentage,
      stage,
      told_ms,
      seen_ms: now_ms,
      moved_ms: ahead ? now_ms : moved,
      longest_still_ms: null,
      points: percentage === null || ahead ? [] : [[moved, percentage]],
    };
  }
  const track = { ...known, started_ms: (ahead ? null : started_ms) ?? known.started_ms };
  if (told_ms !== known.told_ms) Object.assign(track, { told_ms, seen_ms: now_ms });
  const moves = (percentage ?? known.percentage) !== known.percentage || (stage ?? known.stage) !== known.stage;
  if (!moves) {
    // A log knows better than we do since when it stands there, even when we see it for the first time.
    return moved_ms === undefined || ahead ? track : { ...track, moved_ms: Math.min(track.moved_ms, moved_ms) };
  }
  const moved = ahead ? now_ms : (moved_ms ?? told_ms);
  const still = Math.max(0, moved - known.moved_ms);
  track.percentage = percentage ?? known.percentage;
  track.stage = stage ?? known.stage;
  track.moved_ms = moved;
  track.longest_still_ms = Math.max(known.longest_still_ms ?? 0, still);
  if (track.percentage !== null)
    track.points = [...known.points, [moved, track.percentage] as Point].slice(-POINTS_MAX);
  return track;
}

function isAnother(known: Track, { started_ms, percentage }: Sighting): boolean {
  if (started_ms !== null && known.started_ms !== null && started_ms !== known.started_ms) return true;
  return percentage !== null && known.percentage !== null && percentage < known.percentage;
}

/** Since it last moved. A time of another clock that lies ahead of ours is not trusted: then since we saw the report. */
export function stillFor(track: Track, now_ms: number): number {
  return Math.max(0, now_ms - (isAhead(track.moved_ms, now_ms) ? track.seen_ms : track.moved_ms));
}

/** When it was last heard of, by our clock where the other lies ahead. */
export function heardAt(told_ms: number, seen_ms: number, now_ms: number): number {
  return isAhead(told_ms, now_ms) ? seen_ms : Math.min(told_ms, now_ms);
}

/** How long it may stand still; null where nothing is known. */
export function paceLimit(track: Track): number | null {
  if (track.longest_still_ms !== null) return PATIENCE * track.longest_still_ms;
  const { started_ms, percentage, moved_ms } = track;
  if (started_ms === null || percentage === null || percentage <= 0 || moved_ms <= started_ms) return null;
  const elapsed = moved_ms - started_ms;
  return PATIENCE * Math.min(elapsed, (elapsed * STEP_PERCENT) / percentage);
}

export function stuckLimit(track: Track, stuck_after_ms: number): number {
  const limit = paceLimit(track);
  return limit === null ? stuck_after_ms : Math.max(limit, Math.min(LIMIT_LEAST_MS, stuck_after_ms));
}

/** Percent a millisecond: over the last moves, else since the start; null where neither is known. */
export function paceOf({ points, started_ms, percentage, moved_ms }: Track): number | null {
  const [first] = points;
  const last = points.at(-1);
  if (first && last && last[0] > first[0] && last[1] > first[1]) return (last[1] - first[1]) / (last[0] - first[0]);
  if (started_ms === null || percentage === null || percentage <= 0 || moved_ms <= started_ms) return null;
  return percentage / (moved_ms - started_ms);
}

/** To the end at its pace, from now; null where the pace is not known. */
export function etaOf(track: Track, now_ms: number): number | null {
  const pace = paceOf(track);
  if (pace === null || track.percentage === null) return null;
  return Math.max(0, (100 - track.percentage) / pace - stillFor(track, now_ms));
}
