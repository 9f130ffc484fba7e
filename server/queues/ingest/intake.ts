/**
 * Creates jobs from messages that others put into the queue, once each: the id of a job follows from its message, or
 * from its S3 event, so that a second delivery finds it, in memory or in the archive. A message is deleted once its
 * jobs are in the journal.
 */
import { LRUCache } from 'lru-cache';
import type { JobSubmission } from '../../../protocol/job.ts';
import { newUlid } from '../../ids.ts';
import { UNREMEMBERED } from '../../state-machine/apply/apply.ts';
import type { Received } from '../message-queue.ts';
import type { QueueEngine, QueueLog } from '../queue-engine.ts';

export type NewJob = { job_id: string } & JobSubmission;

/** `jobs` may be empty: the message is of no use, and is deleted. */
export type Understood = { jobs: readonly NewJob[] } | { why: string };

export type IntakeOptions = {
  engine: Pick<QueueEngine, 'state' | 'submit' | 'journal'>;
  log: QueueLog;
  url: string;
  understand: (message: Received) => Understood;
  /** Whether the archive has a job that is not in memory. */
  archived: (job_id: string) => Promise<boolean>;
  /** Errors of jobs whose recordings can't exist, by id. */
  check: (jobs: readonly NewJob[]) => Promise<ReadonlyMap<string, Error>>;
};

/** Messages whose reason was logged; an older one may be logged again. */
const LOGGED_MAX = 10_000;
/** Another instance may take the same message at the same time, but hardly more than once. */
const TRIES = 3;

export class Intake {
  readonly #options: IntakeOptions;
  readonly #logged = new LRUCache<string, true>({ max: LOGGED_MAX });
  #not_understood = 0;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** Invalid messages; each counts once. */
  get not_understood(): number {
    return this.#not_understood;
  }

  /** Resolves once the jobs are in the journal. `leave`: the queue's redrive policy decides. */
  async take(message: Received): Promise<'delete' | 'leave'> {
    const understood = this.#options.understand(message);
    if ('why' in understood) return this.#leave(message, understood.why);
    for (let tries = 1; ; tries += 1) {
      const jobs = await this.#unknown(understood.jobs);
      if (jobs.length === 0) return 'delete';
      const [wrong] = (await this.#options.check(jobs)).values();
      if (wrong) return this.#leave(message, wrong.message);
      try {
        await this.#submit(jobs);
        return 'delete';
      } catch (error) {
        if (tries === TRIES) throw error;
      }
    }
  }

  async #unknown(jobs: readonly NewJob[]): Promise<NewJob[]> {
    const { engine, archived } = this.#options;
    const unknown = [...new Map(jobs.map((job) => [job.job_id, job])).values()].filter(
      ({ job_id }) => !engine.state.job(job_id),
    );
    const flags = await Promise.all(unknown.map(({ job_id }) => archived(job_id)));
    return unknown.filter((_, index) => !flags[index]);
  }

  async #submit(jobs: readonly NewJob[]): Promise<void> {
    const id = `${UNREMEMBERED}${newUlid()}`;
    await this.#options.engine.submit({ id, fingerprint: '', actor: 'queue', body: { type: 'submit_jobs', jobs } });
  }

  #leave({ message_id }: Received, why: string): 'leave' {
    if (this.#logged.has(message_id)) return 'leave';
    this.#logged.set(message_id, true);
    this.#not_understood += 1;
    const { log, url } = this.#options;
    log('warn', `queue ${url}: message ${message_id} is left to the redrive policy: ${why}`);
    return 'leave';
  }
}
