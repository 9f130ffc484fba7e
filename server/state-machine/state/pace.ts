/**
 * How long jobs take, learned in the fold from jobs that completed: for each model, device and instance type, and for the
 * wider groups (model and device, model, all).
 *
 * Weights decay forward: a sample at log time t weighs 2^((t - landmark) / half-life), so nothing has to be recomputed as
 * time passes. When weights grow large, the landmark moves and all are scaled by a power of two, which is exact.
 */
import { DAY_MS } from '../../../protocol/time.ts';
import { added, bucketOf, EMPTY, type Histogram, merged, quantile, scaled, times, weightOf } from './histogram.ts';
import { type Expected, type JobRecord, type Run, runsElsewhere } from './records.ts';
import type { State } from './state.ts';

export const MEASURES = [
  'pace',
  'quiet',
  'download',
  'fetch',
  'load',
  'gap',
  'stride',
  'finish',
  'audio',
  'took',
  'start',
] as const;
export type Measure = (typeof MEASURES)[number];

/**
 * `pace`: processing seconds per second of audio, after the first progress. `quiet`: the same of jobs that reported no
 * progress. `download`: seconds until the first stage after DOWNLOADING. `fetch`: the same per megabyte of the file. `load`:
 * from then to the first progress. `gap`: between two steps of progress. `stride`: that as a part of the median step of the same job.
 * `finish`: from the last step to the end. `audio`: of the recording. `took`: the whole attempt.
 * `start`: from its start until work on the audio began, by the pace of the rest.
 */
export type PaceRecord = { [M in Measure]: Histogram } & {
  /** Log time of the last job, and the time at which a sample weighs 1. */
  at_ms: number;
  landmark_ms: number;
  /** Weight of the jobs. */
  jobs: number;
};

const HALF_LIFE_MS = 7 * DAY_MS;
/** After so many half-lives the landmark moves. */
const HALF_LIVES_MAX = 32;
const BUCKETS_MAX = 128;
export const GROUPS_MAX = 512;
/** The weight of a job that was not always on track: what is usual is learned from the others, unless it has become usual. */
const DOUBTED = 0.1;
/** A weight that is forgotten when the landmark moves. */
const LEAST_WEIGHT = 1e-6;
/** So many jobs make a group speak for itself. */
export const SPEAKS = 20;
/** So many steps show what rare ones are like. */
export const STEPS_KNOWN = 2_000;

/** The documents' throughput factor, as processing seconds per second of audio. */
export const PACE_UNKNOWN = 1 / 3.2;

export type Hardware = Pick<Run, 'model' | 'device' | 'instance_type'>;

/** The keys of the groups of a job, the narrowest first. */
function groupsOf({ model, device, instance_type }: Hardware): string[] {
  const [m, d, i] = [model, device, instance_type].map((name) => (name ?? '').replaceAll('|', '/').slice(0, 128));
  return [`${m}|${d}|${i}`, `${m}|${d}`, `${m}`, ''].map((key, level) => `${4 - level}:${key}`);
}

/** Teaches the groups of the job what its attempt took, which ends now. `ended_ms`: by the clock of its start. */
export function learn(state: State, job: JobRecord, run: Run, ended_ms: number = state.at_ms): void {
  const samples = samplesOf(job, run, ended_ms);
  const gaps = job.progress?.pulse?.gaps ?? EMPTY;
  if (samples.length === 0 && gaps.length === 0) return;
  const strides = stridesOf(gaps);
  for (const key of groupsOf(run)) {
    const record = current(state.tables.paces.get(key), state.at_ms);
    const weight = weightAt(record, state.at_ms) * (job.verdict === null ? 1 : DOUBTED);
    const next = { ...record, at_ms: Math.max(record.at_ms, state.at_ms), jobs: record.jobs + weight };
    for (const [measure, value] of samples) {
      next[measure] = added(record[measure], bucketOf(value), weight, BUCKETS_MAX);
    }
    if (gaps.length > 0) next.gap = merged(record.gap, gaps, weight, BUCKETS_MAX);
    if (strides.length > 0) next.stride = merged(record.stride, strides, weight, BUCKETS_MAX);
    state.putPace(key, next);
  }
}

/** Fewer steps say little about how they vary. */
const STRIDES_MIN = 5;

/** The steps as parts of their median. */
function stridesOf(gaps: Histogram): Histogram {
  if (weightOf(gaps) < STRIDES_MIN) return EMPTY;
  return times(gaps, 1 / quantile(gaps, 0.5)!);
}

type Sample = [measure: Measure, value: number];

function samplesOf(job: JobRecord, run: Run, ended_ms: number): Sample[] {
  const { duration_seconds } = job;
  const pulse = job.progress?.pulse ?? null;
  const samples: Sample[] = [];
  const add = (measure: Measure, value: number): void => {
    if (value > 0 && Number.isFinite(value)) samples.push([measure, value]);
  };
  const begun_ms = run.downloaded_ms ?? run.assigned_ms;
  if (run.downloaded_ms !== null) {
    const seconds = (run.downloaded_ms - run.assigned_ms) / 1000;
    add('download', seconds);
    if (job.file_size_bytes !== null) add('fetch', seconds / megabytes(job.file_size_bytes));
  }
  add('took', (ended_ms - run.assigned_ms) / 1000);
  const audio = duration_seconds !== null && duration_seconds >= AUDIO_SECONDS_MIN ? duration_seconds : null;
  if (audio !== null) add('audio', audio);
  const steps = pulse !== null && pulse.first_ms !== null;
  // The steps of a job that runs elsewhere are in log time, its start and end are not.
  if (audio !== null && (!steps || runsElsewhere(job))) add('pace', (ended_ms - begun_ms) / 1000 / audio);
  if (audio !== null && !steps) add('quiet', (ended_ms - begun_ms) / 1000 / audio);
  if (!steps || runsElsewhere(job)) return samples;
  add('load', (pulse.first_ms! - begun_ms) / 1000);
  add('finish', (ended_ms - pulse.moved_ms) / 1000);
  const left = 1 - pulse.first_percentage / 100;
  if (audio !== null && left >= LEFT_MIN) {
    const pace = (ended_ms - pulse.first_ms!) / 1000 / (audio * left);
    add('pace', pace);
    add('start', (pulse.first_ms! - run.assigned_ms) / 1000 - pace * audio * (1 - left));
  }
  return samples;
}

/** Of a smaller file the download takes as long as one of a megabyte. */
export const megabytes = (bytes: number): number => Math.max(1, bytes / 1e6);

/** Shorter recordings say nothing of the pace, and neither does a job whose first report came near its end. */
const AUDIO_SECONDS_MIN = 1;
const LEFT_MIN = 0.1;

const NEW: Omit<PaceRecord, 'at_ms' | 'landmark_ms'> = {
  jobs: 0,
  pace: EMPTY,
  quiet: EMPTY,
  download: EMPTY,
  fetch: EMPTY,
  load: EMPTY,
  gap: EMPTY,
  stride: EMPTY,
  finish: EMPTY,
  audio: EMPTY,
  took: EMPTY,
  start: EMPTY,
};

/** A record of a snapshot; those of older versions lack some measures. */
export const restoredPace = (record: PaceRecord): PaceRecord => ({ ...NEW, ...record });

const weightAt = ({ landmark_ms }: PaceRecord, at_ms: number): number => 2 ** ((at_ms - landmark_ms) / HALF_LIFE_MS);

/** The record with a landmark that is recent enough. */
function current(record: PaceRecord | undefined, at_ms: number): PaceRecord {
  if (!record) return { ...NEW, at_ms, landmark_ms: at_ms };
  const moves = Math.floor((at_ms - record.landmark_ms) / HALF_LIFE_MS / HALF_LIVES_MAX);
  if (moves < 1) return record;
  const factor = 2 ** (-moves * HALF_LIVES_MAX);
  const next = { ...record, jobs: record.jobs * factor };
  next.landmark_ms = record.landmark_ms + moves * HALF_LIVES_MAX * HALF_LIFE_MS;
  for (const measure of MEASURES) next[measure] = scaled(record[measure], factor, LEAST_WEIGHT);
  return next;
}

/** What is known of the time that jobs on this hardware take. */
export type Figures = {
  /** How far the narrowest group speaks for itself: 0 to 1. */
  sure: number;
  /** Jobs that the narrowest group has seen, older ones counting less. */
  jobs: number;
  /** Steps from which `stride` is known, in the same way. */
  steps: number;
  /** Of the narrowest group, mixed with the wider ones as far as it has few jobs. */
  distributions: { readonly [M in Measure]: Histogram };
  /** Null if unknown. */
  quantile(measure: Measure, part: number): number | null;
};

/** The same object for the same records, so that the quantiles of a group are computed once until it learns more. */
export function figuresOf(state: State, hardware: Hardware): Figures {
  const records = groupsOf(hardware).map((key) => state.tables.paces.get(key));
  const narrowest = records.find((record) => record !== undefined);
  if (narrowest === undefined) return mixed([]);
  const known = KNOWN.get(narrowest);
  if (known?.records.every((record, i) => record === records[i])) return known.figures;
  const figures = mixed(records);
  KNOWN.set(narrowest, { records, figures });
  return figures;
}

const KNOWN = new WeakMap<PaceRecord, { records: readonly (PaceRecord | undefined)[]; figures: Figures }>();

function mixed(records: readonly (PaceRecord | undefined)[]): Figures {
  const distributions = Object.fromEntries(
    MEASURES.map((measure) => [measure, EMPTY as Histogram]),
  ) as Figures['distributions'] & Record<Measure, Histogram>;
  let steps = 0;
  for (const record of records.toReversed()) {
    if (!record) continue;
    const jobs = jobsOf(record);
    for (const measure of MEASURES) {
      const [wider, own] = [distributions[measure], record[measure]];
      if (own.length === 0) continue;
      const n = weightOf(own) / weightAt(record, record.at_ms);
      const known = measure === 'stride' ? n / STEPS_KNOWN : Math.min(jobs, measure === 'gap' ? jobs : n) / SPEAKS;
      const share = wider.length === 0 ? 1 : Math.min(1, known);
      if (measure === 'stride') steps = Math.max(steps, n);
      distributions[measure] = merged(
        scaled(wider, 1 - share),
        scaled(own, 1 / weightOf(own)),
        share,
        Number.POSITIVE_INFINITY,
      );
    }
  }
  const [narrowest] = records;
  const jobs = narrowest ? jobsOf(narrowest) : 0;
  const quantiles = new Map<string, number | null>();
  return {
    sure: Math.min(1, jobs / SPEAKS),
    jobs,
    steps,
    distributions,
    quantile(measure, part) {
      const key = `${measure}${part}`;
      let value = quantiles.get(key);
      if (value === undefined) {
        value = quantile(distributions[measure], part);
        quantiles.set(key, value);
      }
      return value;
    },
  };
}

/** Of all jobs; undefined before the first. `jobs`: how many, older ones counting less. */
export function allPaces(state: State): { took: Histogram; jobs: number } | undefined {
  const record = state.tables.paces.get('1:');
  return record && { took: record.took, jobs: jobsOf(record) };
}

/** As of its last job: a group that rests does not forget how sure it was. */
const jobsOf = (record: PaceRecord): number => record.jobs / weightAt(record, record.at_ms);

/** Medians; the documents' figures where nothing is known. */
export function expectedOf(state: State, hardware: Hardware): Expected {
  const figures = figuresOf(state, hardware);
  const median = (measure: Measure) => figures.quantile(measure, 0.5);
  return {
    start_seconds: rounded(median('start') ?? 0),
    pace: rounded(median('pace') ?? PACE_UNKNOWN),
  };
}

/** To three significant digits, which the buckets don't have. */
const rounded = (value: number): number => Number(value.toPrecision(3));
