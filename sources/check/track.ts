/**
 * Tracks a running job: when it last moved, at what pace, and how long it may stand still before it is stuck (D17).
 *
 * A source often has only one report: start time, 45 %, report time. Tracks are kept from one read to the next, in
 * memory or in a file, and so learn the steps in which a job moves. The limit, by what is known:
 * - its steps: 3 × the longest time without progress;
 * - one report above 10 %: 3 × the time for 10 % at its mean pace since the start;
 * - one report up to 10 %: 3 × the time so far, at most `stuck_after_ms`: a job that has just loaded its model has no pace;
 * - neither: `stuck_after_ms`.
 * It is never below 5 minutes (or `stuck_after_ms`, if that is less), so that a short pause of a fast job is ignored.
 */
import type { Sighting } from '../../protocol/sighting.ts';

export type Track = {
  started_ms: number | null;
  percentage: number | null;
  stage: string | null;
  /** Time of the latest report. */
  told_ms: number;
  /** When a report with this `told_ms` was first seen, by our clock. */
  seen_ms: number;
  /** When percentage or stage last changed, as far as known. */
  moved_ms: number;
  /** The longest time between two observed moves. */
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
/** Allowance for clocks that differ. */
const AHEAD_MAX_MS = 60_000;

export const isAhead = (told_ms: number, now_ms: number): boolean => told_ms > now_ms + AHEAD_MAX_MS;

/** The track updated with a sighting. A job that starts again, or falls back, gets a new track. */
export function follow(known: Track | undefined, sighting: Sighting, { now_ms, moved_ms }: Seen): Track {
  const { percentage, stage, started_ms, told_ms } = sighting;
  const ahead = isAhead(told_ms, now_ms);
  if (known === undefined || isAnother(known, sighting)) {
    // A worker that takes over a job has its own start, but the percentage of the last one until it reports its own.
    const moved = Math.max(moved_ms ?? told_ms, ahead ? 0 : (started_ms ?? 0));
    return {
      // No pace from times that are not trusted.
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
    // A log knows since when the job has been at this point, even if we see it for the first time.
    if (moved_ms === undefined || ahead) return track;
    return { ...track, moved_ms: Math.max(Math.min(track.moved_ms, moved_ms), track.started_ms ?? 0) };
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

/** Time since the last move. A time ahead of our clock is not trusted; then since we first saw the report. */
export function stillFor(track: Track, now_ms: number): number {
  return Math.max(0, now_ms - (isAhead(track.moved_ms, now_ms) ? track.seen_ms : track.moved_ms));
}

/** Time of the last report, or when we first saw it if it is ahead of our clock. */
export function heardAt(told_ms: number, seen_ms: number, now_ms: number): number {
  return isAhead(told_ms, now_ms) ? seen_ms : Math.min(told_ms, now_ms);
}

/** How long it may stand still; null if unknown. */
export function paceLimit(track: Track, stuck_after_ms: number): number | null {
  if (track.longest_still_ms !== null) return PATIENCE * track.longest_still_ms;
  const { started_ms, percentage, moved_ms } = track;
  if (started_ms === null || percentage === null || percentage <= 0 || moved_ms <= started_ms) return null;
  const elapsed = moved_ms - started_ms;
  if (percentage <= STEP_PERCENT) return Math.min(PATIENCE * elapsed, stuck_after_ms);
  return (PATIENCE * elapsed * STEP_PERCENT) / percentage;
}

export function stuckLimit(track: Track, stuck_after_ms: number): number {
  const limit = paceLimit(track, stuck_after_ms);
  return limit === null ? stuck_after_ms : Math.max(limit, Math.min(LIMIT_LEAST_MS, stuck_after_ms));
}

/** Percent per millisecond: over the last moves, otherwise since the start; null if unknown. */
export function paceOf({ points, started_ms, percentage, moved_ms }: Track): number | null {
  const [first] = points;
  const last = points.at(-1);
  if (first && last && last[0] > first[0] && last[1] > first[1]) return (last[1] - first[1]) / (last[0] - first[0]);
  if (started_ms === null || percentage === null || percentage <= 0 || moved_ms <= started_ms) return null;
  return percentage / (moved_ms - started_ms);
}

/** Time left at its pace; null if the pace is unknown. */
export function etaOf(track: Track, now_ms: number): number | null {
  const pace = paceOf(track);
  if (pace === null || track.percentage === null) return null;
  return Math.max(0, (100 - track.percentage) / pace - stillFor(track, now_ms));
}
