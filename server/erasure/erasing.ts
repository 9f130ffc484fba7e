/**
 * Completes erasures, step by step, so that a crash at any point is continued by the next start:
 *
 *     erased → objects deleted, packs and column files written again → cleaned
 *            → the retention of the journal has passed: objects deleted once more, a snapshot → swept
 *            → segments and snapshots from before the erasure are gone → ended
 *
 * The journal is not shortened sooner than its retention says: instances that were suspended, and readers that read missed
 * events back, rely on it. What this duty adds is that it is shortened then, also if nothing happens any more.
 */
import { formatTime, HOUR_MS, MINUTE_MS } from '../../protocol/time.ts';
import type { Clock } from '../clock.ts';
import { Duty } from '../maintenance/duty.ts';
import type { ErasureRecord, ErasureStage } from '../state-machine/state/erasures.ts';
import { submitOwn } from '../views/own-command.ts';
import { packsWithErased } from '../views/rewriting.ts';
import { type DeletingOptions, deleteObjects } from './objects.ts';
import { journalTraces, oldestUnnamed } from './traces.ts';

export type ErasingOptions = DeletingOptions & {
  clock: Clock;
  settings: { retention_ms: number };
  /** Deletes the segments of the journal that are too old. */
  truncate: () => Promise<unknown>;
  /** Deletes copies of column files on this machine that no column file of the journal is. */
  forgetCopies: () => Promise<void>;
  log: (level: 'info' | 'warn', message: string) => void;
};

/** Jobs per step. */
const BATCH = 200;
const AGAIN_MS = 10_000;
/** Looking for what is left is a list of the journal and of the archive. */
const LOOK_MS = 10 * MINUTE_MS;
/** A command that names an object an hour after it was made is refused, so no later object can have a job that was erased before. */
const NAMED_WITHIN_MS = HOUR_MS;
/** Copies of column files on this machine may be in use by another process for so long. */
const COPIES_MS = HOUR_MS;
/** What the duty and the truncation may take after the retention. */
const SLACK_MS = HOUR_MS;

/** Until when segments and snapshots hold the fields of the job, if a monitor runs. */
export const journalUntil = ({ erased_ms }: Pick<ErasureRecord, 'erased_ms'>, retention_ms: number): number =>
  erased_ms + retention_ms + SLACK_MS;

export class Erasing {
  readonly #options: ErasingOptions;
  /** Jobs whose objects this instance has deleted, and which wait for packs or column files. */
  readonly #deleted = new Set<string>();
  #look_ms = Number.NEGATIVE_INFINITY;

  constructor(options: ErasingOptions) {
    this.#options = options;
  }

  /** One step. Returns whether there may be more to do at once. Throws StoreError, JournalError, MonitorError. */
  async runOnce(): Promise<boolean> {
    const { engine } = this.#options;
    if (engine.state.tables.erasures.size === 0 || !engine.journal.status.writable) return false;
    return (await this.#clean()) || (await this.#sweep()) || (await this.#end());
  }

  async #clean(): Promise<boolean> {
    const { engine } = this.#options;
    const erased = this.#at('erased');
    if (erased.length === 0) return false;
    const due = erased.filter(({ job_id }) => !this.#deleted.has(job_id)).slice(0, BATCH);
    for (const job_id of await deleteObjects(this.#options, due)) this.#deleted.add(job_id);
    const { tables } = engine.state;
    const packed = new Set<string>();
    for (const { stale } of packsWithErased(engine.state)) for (const job_id of stale) packed.add(job_id);
    const cleaned = this.#at('erased')
      .map(({ job_id }) => job_id)
      .filter((job_id) => this.#deleted.has(job_id) && !packed.has(job_id) && !tables.column_strays.has(job_id));
    await this.#advance(cleaned, 'cleaned');
    for (const job_id of cleaned) this.#deleted.delete(job_id);
    return due.length > 0 && (cleaned.length > 0 || due.length === BATCH);
  }

  async #sweep(): Promise<boolean> {
    const { engine, settings } = this.#options;
    const due = this.#at('cleaned')
      .filter(({ erased_ms }) => engine.journal.now() >= erased_ms + settings.retention_ms)
      .slice(0, BATCH);
    if (due.length === 0) return false;
    const swept = await deleteObjects(this.#options, due);
    // With the segment of this step, two snapshots can be taken that have none of these jobs.
    await this.#snapshotSince(Math.max(...due.map(({ seq }) => seq)), 1);
    await this.#advance(swept, 'swept');
    return swept.length > 0;
  }

  async #end(): Promise<boolean> {
    const { engine, store, clock, log } = this.#options;
    const swept = this.#at('swept');
    if (swept.length === 0 || clock.monotonic() < this.#look_ms) return false;
    this.#look_ms = clock.monotonic() + LOOK_MS;
    await this.#snapshotSince(Math.max(...swept.map(({ seq }) => seq)), 2);
    await this.#options.truncate();
    const { first_segment, first_snapshot } = await journalTraces(store);
    const unnamed_ms = await oldestUnnamed(store, engine.state);
    const ended = swept.filter(
      ({ seq, erased_ms }) =>
        seq < first_segment &&
        seq <= first_snapshot &&
        erased_ms + NAMED_WITHIN_MS < Math.min(unnamed_ms, engine.journal.now() - COPIES_MS),
    );
    if (ended.length === 0) return false;
    await this.#options.forgetCopies();
    await this.#advance(
      ended.map(({ job_id }) => job_id),
      'ended',
    );
    const last_ms = Math.max(...ended.map(({ erased_ms }) => erased_ms));
    log('info', `erasure: nothing is left of ${ended.length} jobs, erased until ${formatTime(last_ms)}`);
    return false;
  }

  /** Ensures that so many snapshots show the fold after this segment, if there are enough segments. */
  async #snapshotSince(seq: number, count: number): Promise<void> {
    const { engine, store } = this.#options;
    const { snapshots } = await journalTraces(store);
    if (snapshots.filter((one) => one >= seq).length >= count) return;
    if ((snapshots.at(-1) ?? 0) < engine.journal.head.seq) await engine.journal.snapshot();
  }

  #at(stage: ErasureStage): ErasureRecord[] {
    return [...this.#options.engine.state.tables.erasures.values()].filter((erasure) => erasure.stage === stage);
  }

  async #advance(job_ids: string[], stage: ErasureStage): Promise<void> {
    if (job_ids.length > 0) await submitOwn(this.#options.engine, { type: 'advance_erasures', job_ids, stage });
  }
}

export function completingErasures(options: ErasingOptions): Duty {
  const erasing = new Erasing(options);
  return new Duty({
    name: 'erasure',
    clock: options.clock,
    failure_ms: AGAIN_MS,
    log: options.log,
    run: async () => ({ again_ms: (await erasing.runOnce()) ? 0 : AGAIN_MS }),
  });
}
