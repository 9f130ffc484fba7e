/**
 * How long is too long, from what was learned: for a step of a job (hung), and for a stage or the pace of a job (slow).
 *
 * Both limits look at how wide the usual times are spread. A fleet with even steps gets a tight limit, one with rare long
 * steps a wide one, and what no group knows yet is judged by the ceiling.
 */
import { quantile, weightOf } from '../state-machine/state/histogram.ts';
import type { Figures, Measure } from '../state-machine/state/pace.ts';
import type { JobRecord, Pulse } from '../state-machine/state/records.ts';

/** Without anything known, a job that does not move for so long is hung. */
export const CEILING_SECONDS = 1_800;
const STEP_SECONDS_MIN = 20;
const STAGE_SECONDS_MIN = 60;
/** A job's own steps speak from so many on. */
const OWN_STEPS = 5;

export type Phase = 'download' | 'load' | 'work' | 'finish';

const MEASURE_OF = { download: 'download', load: 'load', work: 'gap', finish: 'finish' } as const;

export function phaseOf({ run, progress }: JobRecord): Phase {
  const pulse = progress?.pulse;
  if (pulse == null || pulse.first_ms === null) {
    const stage = progress?.stage ?? null;
    return run?.downloaded_ms == null && (stage === null || stage === 'DOWNLOADING') ? 'download' : 'load';
  }
  return progress!.percentage >= 99.9 || progress!.stage === 'UPLOADING' ? 'finish' : 'work';
}

/** How many seconds the job may stand still in this phase. */
export function stillLimit(job: JobRecord, phase: Phase, figures: Figures): number {
  const own = job.progress?.pulse ?? null;
  const known = groupLimit(job, phase, figures);
  const longest = phase === 'work' && own !== null ? longestOwn(own) : null;
  const least = phase === 'work' ? STEP_SECONDS_MIN : STAGE_SECONDS_MIN;
  // What is known by halves is mixed with the ceiling by its logarithm.
  let limit = known === null ? CEILING_SECONDS : known ** figures.sure * CEILING_SECONDS ** (1 - figures.sure);
  limit = known === null ? limit : Math.max(limit, known);
  if (longest !== null && figures.sure < 1) limit = Math.min(limit, Math.max(STAGE_SECONDS_MIN, 6 * longest));
  return Math.max(limit, least, longest === null ? 0 : 2.5 * longest);
}

function groupLimit(job: JobRecord, phase: Phase, figures: Figures): number | null {
  const { progress, duration_seconds } = job;
  let limit = tailOf(figures, MEASURE_OF[phase]);
  if (phase === 'download') {
    // A worker that has not reported may be downloading or loading.
    const load = tailOf(figures, 'load');
    if (progress === null || limit === null) limit = limit === null || load === null ? (limit ?? load) : limit + load;
  }
  if (phase === 'finish') return limit;
  const quiet = weightOf(figures.distributions.quiet);
  if (phase !== 'work' && quiet > 0.02 * weightOf(figures.distributions.pace)) {
    // Some of these workers report no progress at all.
    if (duration_seconds === null) return null;
    limit = Math.max(limit ?? 0, 2 * figures.quantile('quiet', 0.99)! * duration_seconds);
  }
  const longest = figures.quantile('audio', 0.95);
  if (limit === null || longest === null || duration_seconds === null) return limit;
  // A part of a longer recording than usual may take longer than usual.
  return limit * Math.max(1, duration_seconds / (2 * longest));
}

/** Beyond nearly all that was seen, and further the more that is spread; null if nothing was. */
function tailOf(figures: Figures, measure: Measure): number | null {
  const [q50, q95, q99, q999] = [0.5, 0.95, 0.99, 0.999].map((part) => figures.quantile(measure, part));
  if (q50 == null || q95 == null || q99 == null || q999 == null) return null;
  const spread = (q95 / q50) ** (measure === 'gap' ? 3 : 4);
  return Math.max(1.5 * q999, q999 * (q999 / q99) ** 2, q50 * spread);
}

function longestOwn({ gaps }: Pulse): number | null {
  return weightOf(gaps) < OWN_STEPS ? null : quantile(gaps, 1);
}

/**
 * The value of this measure that a job hardly ever reaches unless something slows it; null unless the group speaks for
 * itself. Robust: up to a fifth of the group may be slow without moving it much.
 */
export function slowLimit(figures: Figures, measure: Measure): number | null {
  if (figures.sure < 1) return null;
  const [q25, q50, q75] = [0.25, 0.5, 0.75].map((part) => figures.quantile(measure, part));
  if (q25 == null || q50 == null || q75 == null) return null;
  const p95 = q75 * (q75 / q25) ** 0.72;
  return Math.max(1.5 * q50, q50 * (p95 / q50) ** 2.2);
}
