/**
 * The jobs that left memory for the archive a moment ago, so that a listing goes on as if they were still there: those that its first
 * page found in memory are listed with the jobs in memory, and not again with the archive's.
 *
 * It knows the last JOBS_MAX that this instance saw leave. A listing that goes on after more of them, or on another instance that
 * started meanwhile, may repeat jobs; it hides none.
 */
import type { Engine } from '../../engine.ts';
import { SortedMap } from '../../sorted-map.ts';
import type { JournalEvent } from '../../state-machine/events.ts';
import type { JobRecord } from '../../state-machine/state/records.ts';

const JOBS_MAX = 10_000;

/** `archived`: how many jobs had left memory before it. */
type Departed = { job: JobRecord; archived: number };

export class DepartedJobs {
  /** By creation ordinal. */
  readonly #jobs = new SortedMap<number, Departed>();
  /** Ordinals, the first to leave first. */
  readonly #order = new Set<number>();

  constructor(engine: Pick<Engine, 'state' | 'subscribe'>) {
    let before = engine.state;
    engine.subscribe((segment) => {
      let archived = before.scalars.archived_jobs;
      for (const event of segment?.events ?? []) {
        if (event.type !== 'JobsArchived') continue;
        for (const job of jobsOf(event, (job_id) => before.job(job_id))) this.#add({ job, archived });
        archived += event.data.job_ids.length;
      }
      before = engine.state;
    });
  }

  /** Those that left after `archived` others had left, created before the ordinal `below`, newest first. */
  *newestFirst(archived: number, below: number): Generator<JobRecord> {
    for (const [ordinal, departed] of this.#jobs.entriesReversed(below)) {
      if (ordinal < below && departed.archived >= archived) yield departed.job;
    }
  }

  /** Whether it left after `archived` others had left. */
  has({ ordinal }: JobRecord, archived: number): boolean {
    return (this.#jobs.get(ordinal)?.archived ?? -1) >= archived;
  }

  #add(departed: Departed): void {
    const { ordinal } = departed.job;
    this.#jobs.set(ordinal, departed);
    this.#order.add(ordinal);
    if (this.#order.size <= JOBS_MAX) return;
    const [first] = this.#order;
    this.#order.delete(first!);
    this.#jobs.delete(first!);
  }
}

function jobsOf(
  { data }: JournalEvent & { type: 'JobsArchived' },
  find: (job_id: string) => JobRecord | undefined,
): JobRecord[] {
  return data.job_ids.flatMap((job_id) => find(job_id) ?? []);
}
