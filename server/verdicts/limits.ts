/**
 * How long is too long, from what was learned: for a step of a job (hung), and for a stage or the pace of a job (slow).
 *
 * Both limits look at how wide the usual times are spread. A fleet with even steps gets a tight limit, one with rare long
 * steps a wide one, and what no group knows yet is judged by the ceiling.
 */
import { type Histogram, quantile, valueIn, weightOf } from '../state-machine/state/histogram.ts';
import { type Figures, megabytes, STEPS_KNOWN } from '../state-machine/state/pace.ts';
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

type Stage = Exclude<Phase, 'work'>;

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
  const known = phase === 'work' ? stepLimit(own, figures) : stageLimit(job, phase, figures);
  const longest = phase === 'work' && own !== null ? longestOwn(own) : null;
  const least = phase === 'work' ? STEP_SECONDS_MIN : STAGE_SECONDS_MIN;
  // What is known by halves is mixed with the ceiling by its logarithm.
  const steady = phase === 'work' && own !== null && weightOf(own.gaps) >= OWN_STEPS;
  // A job with steps of its own needs only to know how they vary, which is alike on any hardware.
  const sure = steady ? Math.max(figures.sure, Math.min(1, figures.steps / STRIDES_SURE)) : figures.sure;
  let limit = known === null ? CEILING_SECONDS : known ** sure * CEILING_SECONDS ** (1 - sure);
  limit = known === null ? limit : Math.max(limit, known);
  if (steady && sure < 1) limit = Math.min(limit, Math.max(OWN_SECONDS_MIN, 6 * longest!));
  return Math.max(limit, least, LONGER * (longest ?? 0));
}

const STRIDES_SURE = 500;
/** A step that long was seen in this very job. */
const LONGER = 1.5;

/**
 * The usual step of this job, from its own steps and those of its group as far as each is certain, times the longest step
 * that there can be for a usual one of 1.
 */
function stepLimit(own: Pulse | null, figures: Figures): number | null {
  const { stride, step } = knownOf(figures);
  if (step === null) return null;
  const count = own === null ? 0 : weightOf(own.gaps);
  // A median varies a little more than a mean.
  const [of_own, of_group] = [count / (1.57 * stride.sigma ** 2), 1 / step.between ** 2];
  const mine = count === 0 ? 0 : Math.log(quantile(own!.gaps, 0.5)!);
  const usual = Math.exp((of_own * mine + of_group * Math.log(step.median)) / (of_own + of_group));
  const doubt = Math.hypot(stride.sigma, 1 / Math.sqrt(of_own + of_group)) - stride.sigma;
  return usual * stride.longest * Math.exp(HARDLY_EVER * doubt);
}

function stageLimit(job: JobRecord, phase: Stage, figures: Figures): number | null {
  const { progress, duration_seconds } = job;
  let limit = knownOf(figures).tail[phase];
  if (phase === 'download') {
    if (progress?.stage === 'DOWNLOADING') return downloadLimit(job, figures);
    // A worker that has not reported may be downloading or loading.
    const load = knownOf(figures).tail.load;
    limit = limit === null || load === null ? (limit ?? load) : limit + load;
  }
  if (phase === 'finish') return limit;
  const { quiet, audio } = knownOf(figures);
  if (quiet !== null) {
    // Some of these workers report no progress at all.
    if (duration_seconds === null) return null;
    limit = Math.max(limit ?? 0, 2 * quiet * duration_seconds);
  }
  if (limit === null || audio === null || duration_seconds === null) return limit;
  // A part of a longer recording than usual may take longer than usual.
  return limit * Math.max(1, duration_seconds / (2 * audio));
}

/** A download that reports no progress may be slow or hang: a network is hardly ever so many times slower than usual. */
const DOWNLOAD_TIMES = 1_000;
const DOWNLOAD_SECONDS_MIN = 120;

function downloadLimit({ file_size_bytes }: JobRecord, figures: Figures): number | null {
  const usual = figures.quantile('download', 0.5);
  if (usual === null) return null;
  const by_size = file_size_bytes === null ? 0 : (figures.quantile('fetch', 0.5) ?? 0) * megabytes(file_size_bytes);
  return Math.max(
    DOWNLOAD_SECONDS_MIN,
    Math.min(CEILING_SECONDS, DOWNLOAD_TIMES * Math.max(usual, by_size)),
    2 * figures.quantile('download', 0.999)!,
  );
}

/** Beyond nearly all that was seen, and further the more that is spread; null if nothing was. */
function tailOf(figures: Figures, stage: Stage): number | null {
  const [q50, q95, q999] = [0.5, 0.95, 0.999].map((part) => figures.quantile(stage, part));
  if (q50 == null || q95 == null || q999 == null) return null;
  const tail = q50 * Math.exp(HARDLY_EVER * sigmaOf(figures, Math.log(q95 / q50) / 1.645, SIGMA_OF_STAGES));
  return Math.min(Math.max(1.5 * q999, tail), Math.max(CEILING_SECONDS, 2 * q999));
}

/**
 * The longest step that there can be, as a multiple of the usual one of its job: what was seen, and a little more, since
 * hangs are rarer than the longest of all steps seen.
 */
function strideOf({ distributions: { stride }, steps }: Figures): Stride {
  if (stride.length === 0) return { sigma: SIGMA_OF_STRIDES, longest: LONGEST_UNKNOWN };
  const [q50, q95] = [quantile(stride, 0.5)!, quantile(stride, 0.95)!];
  const sigma = Math.max(0.03, Math.log(q95 / q50) / 1.645);
  // Of few steps the longest is not the longest that there can be.
  const unseen = 1 + (LONGEST_UNKNOWN - 1) * Math.exp((-3 * steps) / STEPS_KNOWN);
  return {
    sigma,
    longest:
      MARGIN * Math.max(Math.min(asNormal(stride), asPareto(stride, steps)), SURE * quantile(stride, 1)!, unseen),
  };
}

/** The upper end continued as that of a normal distribution of the logarithm. */
function asNormal(stride: Histogram): number {
  const [q50, q99] = [quantile(stride, 0.5)!, quantile(stride, 0.99)!];
  return q50 * (q99 / q50) ** (Z_HARDLY_EVER / 2.326);
}

/** The upper end continued with the slope that it has (Hill's estimate): right where a few steps are of another kind. */
function asPareto(stride: Histogram, steps: number): number {
  const part = Math.min(0.05, Math.max(0.001, UPPER_STEPS / steps));
  const from = quantile(stride, 1 - part)!;
  let [above, excess] = [0, 0];
  for (let i = stride.length - 2; i >= 0 && valueIn(stride[i]!) > from; i -= 2) {
    above += stride[i + 1]!;
    excess += stride[i + 1]! * Math.log(valueIn(stride[i]!) / from);
  }
  const slope = above === 0 ? 0 : excess / Math.max(above, 0.5 * part * weightOf(stride));
  return from * (part / HARDLY_EVER_PART) ** slope;
}

type Stride = { sigma: number; longest: number };

/** One healthy job called hung is worse than a few seconds. */
const MARGIN = 1.15;
/** A step this much longer than the longest of all seen is too long. */
const SURE = 1.35;
/** The upper end of the steps is that of so many. */
const UPPER_STEPS = 20;
const HARDLY_EVER_PART = 1e-6;
const Z_HARDLY_EVER = 5;
const SIGMA_OF_STRIDES = 0.3;
const LONGEST_UNKNOWN = 6;

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
  tail: Record<Stage, number | null>;
  stride: Stride;
  /** The usual step, and how much it varies between jobs; null if unknown. */
  step: { median: number; between: number } | null;
  slow: Record<SlowMeasure, Slowness | null>;
  /** Null if nearly all report progress. */
  quiet: number | null;
  audio: number | null;
};

function stepOf(figures: Figures, { sigma }: Stride): Known['step'] {
  const [q50, q95] = [figures.quantile('gap', 0.5), figures.quantile('gap', 0.95)];
  if (q50 === null || q95 === null) return null;
  const all = Math.log(q95 / q50) / 1.645;
  return { median: q50, between: Math.sqrt(Math.max(SIGMA_BETWEEN_MIN ** 2, all ** 2 - sigma ** 2)) };
}

const SIGMA_BETWEEN_MIN = 0.1;

const KNOWN = new WeakMap<Figures, Known>();

function knownOf(figures: Figures): Known {
  let known = KNOWN.get(figures);
  if (known === undefined) {
    const { quiet, pace } = figures.distributions;
    const tail = (stage: Stage) => tailOf(figures, stage);
    const stride = strideOf(figures);
    known = {
      tail: { download: tail('download'), load: tail('load'), finish: tail('finish') },
      stride,
      step: stepOf(figures, stride),
      slow: {
        pace: slownessOf(figures, 'pace'),
        download: slownessOf(figures, 'download'),
        load: slownessOf(figures, 'load'),
      },
      quiet: weightOf(quiet) > 0.02 * weightOf(pace) ? figures.quantile('quiet', 0.99) : null,
      audio: figures.quantile('audio', 0.95),
    };
    KNOWN.set(figures, known);
  }
  return known;
}
