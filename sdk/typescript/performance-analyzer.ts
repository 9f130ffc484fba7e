/** `PerformanceAnalyzer`: what slows jobs down, with jobs that have the attributes of the documents. */
import type { BottleneckQuery, JobRow, JobRowQuery, Pattern } from '../../protocol/analytics.ts';
import type { TranscriptionAPI } from './index.ts';

const PAGE_MAX = 1_000;

/**
 * A row of `job_states`, and the same under shorter names. What is unknown is null in the columns, and NaN here: every
 * comparison with NaN is false, whereas null would count as 0.
 */
export type AnalyzedJob = JobRow & {
  readonly file_size: number;
  readonly duration: number;
  readonly queue_time: number;
  readonly download_time: number;
  readonly processing_time: number;
  readonly cost: number;
  /** The worker of the last attempt. */
  readonly worker: { readonly worker_id: string | null; readonly gpu_usage: number };
};

const NUMBERS = {
  file_size: 'file_size_bytes',
  duration: 'duration_seconds',
  queue_time: 'queue_time_seconds',
  download_time: 'download_time_seconds',
  processing_time: 'processing_time_seconds',
  cost: 'cost_usd',
} as const;

export class PerformanceAnalyzer {
  readonly #api: Pick<TranscriptionAPI, 'analytics'>;

  constructor(api: Pick<TranscriptionAPI, 'analytics'>) {
    this.#api = api;
  }

  /** Patterns that slow jobs down or make them fail, each with its jobs, the slowest first, and the `evidence`. */
  async analyzeBottlenecks(
    query: BottleneckQuery = {},
  ): Promise<Record<Pattern, (AnalyzedJob & { readonly evidence: string })[]>> {
    const { patterns } = await this.#api.analytics.bottlenecks(query);
    const analyzed = Object.entries(patterns).map(([name, jobs]) => [name, jobs.map(analyzedJob)]);
    return Object.fromEntries(analyzed);
  }

  /** All jobs for which the filter is true: `processing_time > avg_processing_time * 2`. */
  async queryJobs(query: JobRowQuery = {}): Promise<AnalyzedJob[]> {
    const jobs: AnalyzedJob[] = [];
    for await (const job of this.#api.analytics.jobs({ limit: PAGE_MAX, ...query })) jobs.push(analyzedJob(job));
    return jobs;
  }
}

/** Not enumerable, so that the job printed as JSON is what the monitor sent. */
function analyzedJob<T extends JobRow>(job: T): T & AnalyzedJob {
  const define = (name: string, value: unknown) => Object.defineProperty(job, name, { value, enumerable: false });
  for (const [name, column] of Object.entries(NUMBERS)) define(name, numberOf(job[column]));
  define('worker', { worker_id: job.worker_id ?? null, gpu_usage: numberOf(job.gpu_usage) });
  return job as T & AnalyzedJob;
}

const numberOf = (value: unknown): number => (typeof value === 'number' ? value : Number.NaN);
