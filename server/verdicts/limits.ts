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
/** By its own steps alone a job is not hung sooner. */
const OWN_SECONDS_MIN = 120;
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
  if (longest !== null && weightOf(own!.gaps) >= OWN_STEPS && figures.sure < 1)
    limit = Math.min(limit, Math.max(OWN_SECONDS_MIN, 6 * longest));
  // A job whose steps are longer than usual may have longer ones still.
  const longer = longest !== null && longest > 1.1 * knownOf(figures).long_step;
  return Math.max(limit, least, longer ? 2.5 * longest : 0);
}

function groupLimit(job: JobRecord, phase: Phase, figures: Figures): number | null {
  const { progress, duration_seconds } = job;
  let limit = knownOf(figures).tail[MEASURE_OF[phase]];
  if (phase === 'download') {
    // A download without progress may be slow or hang: it is slow until the ceiling.
    if (progress?.stage === 'DOWNLOADING') return Math.max(limit ?? 0, CEILING_SECONDS);
    // A worker that has not reported may be downloading or loading.
    const load = knownOf(figures).tail.load;
    limit = limit === null || load === null ? (limit ?? load) : limit + load;
  }
  if (phase === 'finish') return limit;
  const { quiet, audio } = knownOf(figures);
  if (phase !== 'work' && quiet !== null) {
    // Some of these workers report no progress at all.
    if (duration_seconds === null) return null;
    limit = Math.max(limit ?? 0, 2 * quiet * duration_seconds);
  }
  if (limit === null || audio === null || duration_seconds === null) return limit;
  // A part of a longer recording than usual may take longer than usual.
  return limit * Math.max(1, duration_seconds / (2 * audio));
}

/** Beyond nearly all that was seen, and further the more that is spread; null if nothing was. */
function tailOf(figures: Figures, measure: Measure): number | null {
  const [q50, q95, q99, q999] = [0.5, 0.95, 0.99, 0.999].map((part) => figures.quantile(measure, part));
  if (q50 == null || q95 == null || q99 == null || q999 == null) return null;
  let tail = q50 * Math.exp(HARDLY_EVER * sigmaOf(figures, Math.log(q95 / q50) / 1.645, SIGMA_OF_STAGES));
  if (measure === 'gap') {
    // Of few steps the longest is not the longest that there can be; and of many, a few are of jobs that were slow.
    const unseen = 1 + Math.max(0, 1 - figures.steps / STEPS_KNOWN);
    const further = Math.min(q999 / q99, FURTHER_MAX) ** 2.6;
    tail = unseen * Math.max(q999 * further, q50 * (q95 / q50) ** 3);
  }
  return Math.min(Math.max(1.5 * q999, tail), Math.max(CEILING_SECONDS, 2 * q999));
}

/** How much longer the longest of 1,000 steps is than that of 100 where long ones are as frequent as they can be expected to be. */
const FURTHER_MAX = 1.8;
/** So many steps show what rare ones are like. */
const STEPS_KNOWN = 2_000;
/** In standard deviations: one in 300,000. */
const HARDLY_EVER = 4.5;
/** One in 6,000, of a pace, which many jobs have; one in 30,000, of a stage, which is more often far from normal. */
const RARELY = 3.6;
const RARELY_ONCE = 4;
/** The spread of the logarithm that is expected while little is known, and how many jobs that is worth. */
const SIGMA_OF_STAGES = 0.5;
const SIGMA_OF_PACE = 0.2;
const SIGMA_JOBS = 20;

/** The spread that was seen, drawn towards the expected one while few jobs were seen. */
function sigmaOf({ jobs }: Figures, seen: number, expected: number): number {
  return Math.sqrt((jobs * seen ** 2 + SIGMA_JOBS * expected ** 2) / (jobs + SIGMA_JOBS));
}

function longestOwn({ gaps }: Pulse): number | null {
  return quantile(gaps, 1);
}

/**
 * The value of this measure that a job hardly ever reaches unless something slows it; null unless the group speaks for
 * itself. Robust: up to a fifth of the group may be slow without moving it much. `steps`: the value is the mean of so many.
 */
export function slowLimit(figures: Figures, measure: SlowMeasure, steps = 0): number | null {
  const known = figures.sure < 1 ? null : knownOf(figures).slow[measure];
  if (known === null) return null;
  const sigma = steps > 0 ? Math.hypot(known.sigma, known.step_sigma / Math.sqrt(steps)) : known.sigma;
  return known.median * Math.max(1.5, Math.exp(known.times * sigma));
}

type SlowMeasure = 'pace' | 'download' | 'load';
type Slowness = { median: number; sigma: number; step_sigma: number; times: number };

function slownessOf(figures: Figures, measure: SlowMeasure): Slowness | null {
  const [q25, q50, q75] = [0.25, 0.5, 0.75].map((part) => figures.quantile(measure, part));
  if (q25 == null || q50 == null || q75 == null) return null;
  const isPace = measure === 'pace';
  const sigma = sigmaOf(figures, Math.log(q75 / q25) / 1.349, isPace ? SIGMA_OF_PACE : SIGMA_OF_STAGES);
  const [g50, g95] = [figures.quantile('gap', 0.5), figures.quantile('gap', 0.95)];
  const step_sigma = g50 === null || g95 === null ? 0 : Math.log(g95 / g50) / 1.645;
  return { median: q50, sigma, step_sigma, times: isPace ? RARELY : RARELY_ONCE };
}

/** What follows from the figures of a group alone, worked out once for all of its jobs. */
type Known = {
  tail: Record<(typeof MEASURE_OF)[Phase], number | null>;
  slow: Record<SlowMeasure, Slowness | null>;
  /** Null if nearly all report progress. */
  quiet: number | null;
  audio: number | null;
  long_step: number;
};

const KNOWN = new WeakMap<Figures, Known>();

function knownOf(figures: Figures): Known {
  let known = KNOWN.get(figures);
  if (known === undefined) {
    const { quiet, pace } = figures.distributions;
    const tail = (measure: (typeof MEASURE_OF)[Phase]) => tailOf(figures, measure);
    known = {
      tail: { download: tail('download'), load: tail('load'), gap: tail('gap'), finish: tail('finish') },
      slow: {
        pace: slownessOf(figures, 'pace'),
        download: slownessOf(figures, 'download'),
        load: slownessOf(figures, 'load'),
      },
      quiet: weightOf(quiet) > 0.02 * weightOf(pace) ? figures.quantile('quiet', 0.99) : null,
      audio: figures.quantile('audio', 0.95),
      long_step: figures.quantile('gap', 0.95) ?? 0,
    };
    KNOWN.set(figures, known);
  }
  return known;
}
