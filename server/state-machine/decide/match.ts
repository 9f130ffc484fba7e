/** Whether a job matches a filter, for lists, purges and redrives. */
import type { JobStateName, Priority } from '../../../protocol/job.ts';
import type { VerdictStatus } from '../../../protocol/verdict.ts';
import { type Sought, textsOf, trigramBits, wordBits } from '../state/job-blocks.ts';
import { type JobRecord, tenantOf } from '../state/records.ts';
import { verdictStatus } from '../state/verdicts.ts';

export type JobCriteria = {
  state?: JobStateName | undefined;
  worker_id?: string | undefined;
  priority?: Priority | undefined;
  tag?: string | undefined;
  tenant?: string | undefined;
  error_code?: string | undefined;
  suspect?: boolean | undefined;
  verdict?: VerdictStatus | undefined;
  model?: string | undefined;
  created_after_ms?: number | undefined;
  created_before_ms?: number | undefined;
  job_ids?: ReadonlySet<string> | undefined;
  /** Whether the viewer may see it. */
  visible?: ((job: JobRecord) => boolean) | undefined;
  /** Text in id, input path, tags, metadata or last error, case-insensitive. */
  q?: string | undefined;
};

export class JobMatcher {
  readonly #criteria: JobCriteria;
  readonly #needle: string | undefined;

  constructor(criteria: JobCriteria) {
    this.#criteria = criteria;
    this.#needle = criteria.q?.toLowerCase();
  }

  test(job: JobRecord): boolean {
    const filter = this.#criteria;
    return (
      (filter.state === undefined || job.state === filter.state) &&
      (filter.worker_id === undefined || job.run?.worker_id === filter.worker_id) &&
      (filter.priority === undefined || job.priority === filter.priority) &&
      (filter.tag === undefined || job.tags.includes(filter.tag)) &&
      (filter.tenant === undefined || tenantOf(job) === filter.tenant) &&
      (filter.error_code === undefined || job.last_error?.code === filter.error_code) &&
      (filter.suspect === undefined || (job.output?.suspect ?? false) === filter.suspect) &&
      (filter.verdict === undefined || filter.verdict === verdictStatus(job)) &&
      (filter.model === undefined || job.run?.model === filter.model) &&
      (filter.created_after_ms === undefined || job.created_ms >= filter.created_after_ms) &&
      (filter.created_before_ms === undefined || job.created_ms < filter.created_before_ms) &&
      (filter.visible === undefined || filter.visible(job)) &&
      (filter.job_ids === undefined || filter.job_ids.has(job.job_id)) &&
      (this.#needle === undefined || this.#found(job, this.#needle))
    );
  }

  /** What a job must have written to match. */
  sought(): Sought {
    const { tag, tenant, priority, error_code, created_after_ms, created_before_ms } = this.#criteria;
    const words = Object.entries({ tag, tenant, priority, error_code }) as [Parameters<typeof wordBits>[0], string?][];
    const bits = words.flatMap(([kind, word]) => (word === undefined ? [] : wordBits(kind, word)));
    return { bits: [...bits, ...trigramBits(this.#needle ?? '')], created_after_ms, created_before_ms };
  }

  #found(job: JobRecord, needle: string): boolean {
    for (const text of textsOf(job)) if (text.toLowerCase().includes(needle)) return true;
    return false;
  }
}
