/**
 * Erases jobs whose retention is over, in memory and in the archive.
 *
 * A pack of the archive is read when its first job may be due, and then again when the first of those that are left is: that
 * time is remembered by this instance alone, so that a start reads the old packs once.
 */
import type { Retention } from '../../protocol/erasure.ts';
import { formatTime, MINUTE_MS } from '../../protocol/time.ts';
import type { Clock } from '../clock.ts';
import type { Engine } from '../engine.ts';
import { Duty } from '../maintenance/duty.ts';
import type { ObjectStore } from '../objects/store.ts';
import type { JobRecord, PackRecord } from '../state-machine/state/records.ts';
import { finished } from '../state-machine/state/records.ts';
import { damageOf, readPack } from '../views/archive-objects.ts';
import { submitOwn } from '../views/own-command.ts';
import { eraseJobs } from './erase.ts';
import { type Due, dueOf, type RetentionRules, shortest } from './retention.ts';

export type RetiringOptions = {
  engine: Engine;
  store: ObjectStore;
  clock: Clock;
  rules: () => RetentionRules;
  log: (level: 'info' | 'warn', message: string) => void;
};

/** Jobs and packs per step. */
const BATCH = 1_000;
const PACKS_AT_ONCE = 10;
const AGAIN_MS = 10 * MINUTE_MS;
const FAILURE_MS = MINUTE_MS;
const SHOWN_MAX = 100;

type Candidate = Due & { job: JobRecord };

export class Retiring {
  readonly #options: RetiringOptions;
  /** Key of a pack → when the first of its jobs is due by these rules, Infinity if none is. */
  readonly #due = new Map<string, number>();
  #rules: RetentionRules | null = null;

  constructor(options: RetiringOptions) {
    this.#options = options;
  }

  /** One step. Returns whether there may be more to do at once. Throws StoreError, JournalError, MonitorError. */
  async runOnce(): Promise<boolean> {
    const { engine, store, log, rules } = this.#options;
    if (this.#rules !== rules()) this.#due.clear();
    this.#rules = rules();
    if (shortest(this.#rules) === null || !engine.journal.status.writable) return false;
    const now_ms = engine.journal.now();
    const { job_ids, more } = await this.#collect(now_ms);
    if (job_ids.length === 0) return more;
    const submit = (body: Parameters<typeof submitOwn>[1]) => submitOwn(engine, body);
    const { jobs } = await eraseJobs({ engine, store }, job_ids, { by: 'monitor', reason: 'retention', submit });
    if (jobs.length > 0) log('info', `retention: erased ${jobs.length} jobs`);
    return more && jobs.length > 0;
  }

  /** The jobs that are due next. Reads at most a few packs. Throws StoreError. */
  async next(): Promise<Retention['next']> {
    const rules = this.#options.rules();
    if (shortest(rules) === null) return [];
    const found = [...candidatesIn(rules, this.#ended())];
    for (const pack of oldestFirst(this.#options.engine.state.tables.packs.values()).slice(0, PACKS_AT_ONCE)) {
      found.push(...candidatesIn(rules, await this.#jobsOf(pack)));
    }
    found.sort((a, b) => a.due_ms - b.due_ms || (a.job.job_id < b.job.job_id ? -1 : 1));
    return found.slice(0, SHOWN_MAX).map(({ job: { job_id, completed_ms }, due_ms, rule }) => ({
      job_id,
      ended_at: formatTime(completed_ms ?? 0),
      due_at: formatTime(due_ms),
      rule,
    }));
  }

  async #collect(now_ms: number): Promise<{ job_ids: string[]; more: boolean }> {
    const rules = this.#rules!;
    const keep_ms = shortest(rules)!;
    const { packs } = this.#options.engine.state.tables;
    const job_ids: string[] = [];
    for (const { job, due_ms } of candidatesIn(rules, this.#ended())) {
      if (due_ms <= now_ms) job_ids.push(job.job_id);
      if (job_ids.length === BATCH) return { job_ids, more: true };
    }
    for (const key of this.#due.keys()) if (!packs.has(key)) this.#due.delete(key);
    let read = 0;
    for (const pack of oldestFirst(packs.values())) {
      if ((this.#due.get(pack.key) ?? pack.first_ms + keep_ms) > now_ms) continue;
      if (job_ids.length >= BATCH || read === PACKS_AT_ONCE) return { job_ids, more: true };
      read += 1;
      let first_ms = Number.POSITIVE_INFINITY;
      for (const { job, due_ms } of candidatesIn(rules, await this.#jobsOf(pack))) {
        if (due_ms <= now_ms) job_ids.push(job.job_id);
        else first_ms = Math.min(first_ms, due_ms);
      }
      this.#due.set(pack.key, first_ms);
    }
    return { job_ids, more: false };
  }

  *#ended(): Generator<JobRecord> {
    const { jobs, jobs_by_state } = this.#options.engine.state.tables;
    for (const state of ['COMPLETED', 'FAILED', 'CANCELLED'] as const) {
      for (const job_id of jobs_by_state[state].values()) yield jobs.get(job_id)!;
    }
  }

  /** Of a damaged pack none: the archive reports it. */
  async #jobsOf(pack: PackRecord): Promise<JobRecord[]> {
    const { engine, store } = this.#options;
    try {
      return [...(await readPack(store, pack)).jobs()].filter(({ job_id }) => !engine.state.job(job_id));
    } catch (error) {
      damageOf(error);
      return [];
    }
  }
}

function* candidatesIn(rules: RetentionRules, jobs: Iterable<JobRecord>): Generator<Candidate> {
  for (const job of jobs) {
    const due = finished(job.state) ? dueOf(rules, job) : null;
    if (due) yield { ...due, job };
  }
}

const oldestFirst = (packs: Iterable<PackRecord>): PackRecord[] => [...packs].sort((a, b) => a.first_ms - b.first_ms);

export function retiringJobs(retiring: Retiring, { clock, log }: Pick<RetiringOptions, 'clock' | 'log'>): Duty {
  return new Duty({
    name: 'retention',
    clock,
    failure_ms: FAILURE_MS,
    log,
    run: async () => ({ again_ms: (await retiring.runOnce()) ? 0 : AGAIN_MS }),
  });
}
