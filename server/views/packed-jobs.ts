/**
 * The rows of all packs as one list, most recently ended first. The journal names the packs and when their jobs ended,
 * so a page opens only the packs that it reaches: one or two, since jobs are packed roughly in the order of their ends.
 */
import type { ObjectStore } from '../objects/store.ts';
import type { JobRecord, PackRecord } from '../state-machine/state/records.ts';
import type { State } from '../state-machine/state/state.ts';
import { damageOf, readPack, type Unreadable } from './archive-objects.ts';
import { endOf, type PackRows } from './pack.ts';

export type End = { ended_ms: number; job_id: string };

/** `opened`: the packs read for it. */
export type PackedStep = { end: End; opened: number; job: JobRecord | undefined; unreadable: Unreadable | undefined };

/** The jobs that ended before this and had left memory by `through_seq`, except those in memory now. */
export async function* packedJobs(
  store: ObjectStore,
  memory: State,
  { before, through_seq }: { before: End; through_seq: number },
): AsyncGenerator<PackedStep> {
  const closed = [...memory.tables.packs.values()]
    .filter(({ first_ms, seq }) => first_ms <= before.ended_ms && seq <= through_seq)
    .sort((a, b) => a.last_ms - b.last_ms);
  const open = new Set<Cursor>();
  let opened = 0;
  for (;;) {
    const last = lastOf(open);
    const next = closed.at(-1);
    if (next && (!last || next.last_ms >= last.end.ended_ms)) {
      closed.pop();
      opened += 1;
      try {
        const cursor = new Cursor(await readPack(store, next), before);
        if (cursor.back()) open.add(cursor);
      } catch (error) {
        yield { end: endOfPack(next), opened, job: undefined, unreadable: damageOf(error) };
        opened = 0;
      }
    } else if (last) {
      const { job, end } = last;
      if (!last.back()) open.delete(last);
      if (memory.job(end.job_id)) continue;
      yield { end, opened, job, unreadable: undefined };
      opened = 0;
    } else return;
  }
}

const endOfPack = ({ last_ms }: PackRecord): End => ({ ended_ms: last_ms, job_id: '' });

/** Reads a pack backwards. */
class Cursor {
  readonly #rows: PackRows;
  #index: number;
  job!: JobRecord;

  constructor(rows: PackRows, before: End) {
    this.#rows = rows;
    this.#index = rows.rowsBefore(before);
  }

  get end(): End {
    return { ended_ms: endOf(this.job), job_id: this.job.job_id };
  }

  /** To the previous row, skipping those of which a later pack has a newer record; false: there is none. */
  back(): boolean {
    while (this.#index > 0) {
      this.#index -= 1;
      this.job = this.#rows.row(this.#index);
      if (!this.#rows.isStale(this.job.job_id)) return true;
    }
    return false;
  }
}

function lastOf(open: Iterable<Cursor>): Cursor | undefined {
  let last: Cursor | undefined;
  for (const cursor of open) if (!last || isAfter(cursor.end, last.end)) last = cursor;
  return last;
}

const isAfter = (a: End, b: End): boolean =>
  a.ended_ms > b.ended_ms || (a.ended_ms === b.ended_ms && a.job_id > b.job_id);
