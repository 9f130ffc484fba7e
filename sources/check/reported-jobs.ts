/**
 * The jobs that one source reported. Of a job that has completed only the end is kept: a log may have millions, and none of them
 * needs attention. A later report makes it whole again.
 */
import { hasEnded, mergeSightings, NOTHING_KNOWN, type Sighting } from '../../protocol/sighting.ts';

export class ReportedJobs {
  /** Jobs that have not completed. */
  readonly #whole = new Map<string, Sighting>();
  /** When each of the whole jobs last changed its percentage or stage, where the source knows. */
  readonly #moved_ms = new Map<string, number>();
  /** When each of the others completed. */
  readonly #completed = new Map<string, number>();
  readonly #heard_ms = new Map<string, number>();

  /** Merges a report with what is known of its job. */
  add(sighting: Sighting, moved_ms: number | undefined, now_ms: number): void {
    const { job_id, worker_id, told_ms } = sighting;
    if (worker_id !== null && told_ms > (this.#heard_ms.get(worker_id) ?? 0)) this.#heard_ms.set(worker_id, told_ms);
    const before = this.get(job_id);
    const job = before === undefined ? sighting : mergeSightings(before, sighting);
    // A time ahead of this clock is shown with its job.
    if (job.state === 'COMPLETED' && job.ended_ms !== null && job.told_ms <= now_ms) {
      this.#completed.set(job_id, job.ended_ms);
      if (this.#whole.delete(job_id)) this.#moved_ms.delete(job_id);
      return;
    }
    this.#completed.delete(job_id);
    this.#whole.set(job_id, job);
    const moved = movedAt(this.#moved_ms.get(job_id), before, { sighting, moved_ms });
    if (moved === undefined) this.#moved_ms.delete(job_id);
    else this.#moved_ms.set(job_id, moved);
  }

  /** Of a completed job: that it has, and when. */
  get(job_id: string): Sighting | undefined {
    const whole = this.#whole.get(job_id);
    if (whole !== undefined) return whole;
    const ended_ms = this.#completed.get(job_id);
    if (ended_ms === undefined) return undefined;
    return { ...NOTHING_KNOWN, job_id, state: 'COMPLETED', told_ms: ended_ms, ended_ms };
  }

  /** Those that have not completed. */
  get whole(): ReadonlyMap<string, Sighting> {
    return this.#whole;
  }

  /** The ids of the others. */
  get completed(): { readonly size: number; has(job_id: string): boolean; keys(): Iterable<string> } {
    return this.#completed;
  }

  movedAt(job_id: string): number | undefined {
    return this.#moved_ms.get(job_id);
  }

  /** The time of the newest report of each worker. */
  get heard_ms(): ReadonlyMap<string, number> {
    return this.#heard_ms;
  }

  /** Drops what ended before; of a log that is followed for months, nothing else would. */
  forgetBefore(since_ms: number): void {
    for (const [job_id, ended_ms] of this.#completed) if (ended_ms < since_ms) this.#completed.delete(job_id);
    for (const [job_id, sighting] of this.#whole) {
      if (sighting.told_ms >= since_ms || !hasEnded(sighting)) continue;
      this.#whole.delete(job_id);
      this.#moved_ms.delete(job_id);
    }
    for (const [worker_id, told_ms] of this.#heard_ms) if (told_ms < since_ms) this.#heard_ms.delete(worker_id);
  }
}

type Report = { sighting: Sighting; moved_ms: number | undefined };

function movedAt(
  earlier: number | undefined,
  before: Sighting | undefined,
  { sighting: { percentage, stage, told_ms }, moved_ms }: Report,
): number | undefined {
  const stands = before !== undefined && before.percentage === percentage && before.stage === stage;
  if (stands) return least(earlier, moved_ms);
  return before === undefined || told_ms >= before.told_ms ? moved_ms : earlier;
}

function least(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined ? b : b === undefined ? a : Math.min(a, b);
}
