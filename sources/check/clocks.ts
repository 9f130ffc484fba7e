/**
 * Clocks that differ from this machine's, and times of another zone. A worker that writes `datetime.now().isoformat()` in New York is
 * five hours behind a reader that takes it for UTC, and would look stuck while it works; in Berlin it is an hour ahead. Such a worker's
 * newest report is always off by about as much as its zone is from UTC. Pure.
 */
import type { CheckDocument } from '../../protocol/check.ts';
import { HOUR_MS } from '../../protocol/time.ts';
import { formatZone } from '../../protocol/zone.ts';
import type { KnownJob } from './judge.ts';
import { isAhead, paceLimit, stillFor, stuckLimit } from './track.ts';
import { nameOf, span } from './words.ts';

/** The newest report of a worker, and when it was first seen, by our clock. */
export type Teller = {
  told_ms: number;
  seen_ms: number;
  /** How far its times are behind (positive) or ahead, if that looks like a zone. */
  off_ms?: number;
  /** Two reports in a row were as far off. */
  confirmed?: boolean;
};

const STEP_MS = 15 * 60_000;
/** Zones east and west of Greenwich that are not whole hours, in hours. Smaller differences than an hour are clocks, not zones. */
const EAST_MAX = 14;
const WEST_MAX = 12;
const EAST_BETWEEN: ReadonlySet<number> = new Set([3.5, 4.5, 5.5, 5.75, 6.5, 8.75, 9.5, 10.5, 12.75, 13.75]);
const WEST_BETWEEN: ReadonlySet<number> = new Set([2.5, 3.5, 9.5]);
/** Reports must be seen within as much of being written. */
const SEEN_WITHIN_MS = 5 * 60_000;
const CLOCKS_MS = 30_000;
const TO_THE_MINUTE_MS = 60_000;

/**
 * The teller with its newest report. It seems to be of another zone if two reports in a row were as far off; one that has died
 * stays silent. A single report seems so only if it is ahead, or behind by this machine's own zone, or if none of its source is nearer to
 * now, and another is as far behind or the zone fits to the minute.
 */
export function followTeller(known: Teller | undefined, told_ms: number, here: Here): Teller {
  const { now_ms, local_minutes, nearest = null } = here;
  const lag_ms = now_ms - told_ms;
  const off_ms = offsetOf(lag_ms);
  if (known === undefined) {
    const alone = nearest?.tellers === 1;
    const as_all = off_ms !== null && off_ms === nearest?.off_ms && (!alone || isToTheMinute(off_ms, lag_ms));
    const plain = off_ms !== null && (off_ms < 0 || off_ms === -local_minutes * 60_000 || as_all);
    return { told_ms, seen_ms: now_ms, ...(plain ? { off_ms } : {}) };
  }
  if (told_ms <= known.told_ms) {
    // The same look again, or silence: what was confirmed before stays.
    const { seen_ms } = known;
    return known.confirmed || now_ms === seen_ms ? known : { told_ms: known.told_ms, seen_ms };
  }
  const before = offsetOf(known.seen_ms - known.told_ms);
  const same = off_ms !== null && off_ms === before;
  return { told_ms, seen_ms: now_ms, ...(same ? { off_ms, confirmed: true } : {}) };
}

/** This machine's clock, and the zone that it shows: minutes east of UTC. `nearest`: of the teller's source. */
export type Here = { now_ms: number; local_minutes: number; nearest?: Nearest | null };

/** How far behind the report of a source is that is nearest to now, and how many tellers are as far behind. */
export type Nearest = { off_ms: number; tellers: number };

/** `told`: the newest report of each teller. Null if the nearest is of now, or of no zone. */
export function nearestOf(told: readonly number[], now_ms: number): Nearest | null {
  const off_ms = offsetOf(now_ms - told.reduce((newest, told_ms) => Math.max(newest, told_ms), 0));
  if (off_ms === null || off_ms < 0) return null;
  return { off_ms, tellers: told.filter((told_ms) => offsetOf(now_ms - told_ms) === off_ms).length };
}

const isToTheMinute = (off_ms: number, lag_ms: number): boolean => lag_ms - off_ms <= TO_THE_MINUTE_MS;

/** Null unless it is that of a zone that exists. */
function offsetOf(lag_ms: number): number | null {
  const off_ms = Math.floor((lag_ms + CLOCKS_MS) / STEP_MS) * STEP_MS;
  return lag_ms - off_ms <= SEEN_WITHIN_MS && isZone(-off_ms / HOUR_MS) ? off_ms : null;
}

function isZone(hours: number): boolean {
  const size = Math.abs(hours);
  const [most, between] = hours > 0 ? [EAST_MAX, EAST_BETWEEN] : [WEST_MAX, WEST_BETWEEN];
  return Number.isInteger(size) ? size >= 1 && size <= most : between.has(size);
}

/** Whose times they are: a job's worker, or the job itself. */
export const tellerOf = ({ sighting }: Pick<KnownJob, 'sighting'>): string => sighting.worker_id ?? sighting.job_id;

type Warning = CheckDocument['warnings'][number];

/**
 * Times ahead are ignored, so that a job that hangs is found only by later looks. Times behind matter if a job would be stuck, or its
 * worker silent, were they right.
 */
export function clockWarnings(
  jobs: readonly KnownJob[],
  now_ms: number,
  { stuck_after_ms, quiet_after_ms }: { stuck_after_ms: number; quiet_after_ms: number },
): Warning[] {
  const byTeller = new Map<string, KnownJob>();
  for (const job of jobs) {
    const { sighting, track, off_ms = 0 } = job;
    const stuck = stillFor(track, now_ms) > stuckLimit(track, stuck_after_ms);
    const quiet = now_ms - sighting.told_ms > Math.max(quiet_after_ms, paceLimit(track, stuck_after_ms) ?? 0);
    const behind = off_ms > 0 && sighting.state === 'PROCESSING' && (stuck || quiet);
    if (!isAhead(sighting.told_ms, now_ms) && !behind) continue;
    const known = byTeller.get(tellerOf(job));
    // An open job makes the verdict unknown.
    if (known === undefined || (sighting.state === 'PROCESSING' && known.sighting.state !== 'PROCESSING')) {
      byTeller.set(tellerOf(job), job);
    }
  }
  return [...byTeller].map(([subject, job]) => clockWarning(subject, job, now_ms));
}

function clockWarning(subject: string, { sighting, off_ms }: KnownJob, now_ms: number): Warning {
  const ahead_ms = sighting.told_ms - now_ms;
  if (off_ms === undefined) {
    const says = `its clock is ${span(ahead_ms / 1000)} ahead of this machine’s (${nameOf(sighting)}): its times are ignored`;
    return { kind: 'clock_ahead', subject, says, unknown: false };
  }
  const way = off_ms > 0 ? 'behind' : 'ahead';
  const zone = formatZone(-off_ms / 60_000);
  return {
    kind: 'zone',
    subject,
    says: `its times are ${span(Math.abs(off_ms) / 1000)} ${way} (${nameOf(sighting)}): if they are local times, --zone=${zone}, or ?zone=${zone} on the URL`,
    unknown: sighting.state === 'PROCESSING',
  };
}
