/**
 * What a check remembers of the status files of one source, in the rows in which its state file has them: there may be a hundred thousand,
 * read and written by every run. Most are of completed jobs, of which a check needs only when they ended, and on which worker.
 */
import { hasEnded, NOTHING_KNOWN, type Sighting } from '../../protocol/sighting.ts';
import type { FileResult, Recall } from '../source.ts';

/** Without what is not known. */
type Known = Partial<Sighting> & Pick<Sighting, 'job_id' | 'state' | 'told_ms'>;

/** `unreadable`: why this version could not be read; the sighting is then that of the last one that could. */
export type Remembered = { version: string; sighting?: Known; unreadable?: { why: string; half_written?: boolean } };

type Completed = [
  where: string,
  version: string,
  job_id: string,
  told_ms: number,
  started_ms: number | null,
  ended_ms: number | null,
  worker_id: string | null,
  reported_id?: string,
];
type Other = [where: string, remembered: Remembered];
export type FileRow = Completed | Other;

const isCompleted = (row: FileRow): row is Completed => row.length > 2;

function rowOf(where: string, { version, sighting, unreadable }: Remembered): FileRow {
  if (sighting?.state !== 'COMPLETED' || unreadable !== undefined) {
    return [where, { version, ...(sighting ? { sighting } : {}), ...(unreadable ? { unreadable } : {}) }];
  }
  const { job_id, told_ms, started_ms = null, ended_ms = null, worker_id = null, reported_id } = sighting;
  const row: Completed = [where, version, job_id, told_ms, started_ms, ended_ms, worker_id];
  if (reported_id !== undefined) row.push(reported_id);
  return row;
}

function sightingIn(row: FileRow): Sighting | undefined {
  if (!isCompleted(row)) return row[1].sighting && { ...NOTHING_KNOWN, ...row[1].sighting };
  const [, , job_id, told_ms, started_ms, ended_ms, worker_id, reported_id] = row;
  return {
    job_id,
    state: 'COMPLETED',
    told_ms,
    ...NOTHING_KNOWN,
    worker_id,
    started_ms,
    ended_ms,
    ...(reported_id === undefined ? {} : { reported_id }),
  };
}

function known(sighting: Sighting): Known {
  const { job_id, state, told_ms, ...rest } = sighting;
  const some: Record<string, unknown> = { job_id, state, told_ms };
  for (const [name, value] of Object.entries(rest)) if (value !== null) some[name] = value;
  return some as Known;
}

/**
 * Forgets files that a complete read did not request, because they are gone, and jobs that ended too long ago: what is
 * older than `complete_ms` and not here has ended.
 */
export class FileRecall implements Recall {
  readonly #rows = new Map<string, FileRow>();
  complete_ms: number;
  #requested = new Set<string>();

  constructor(rows: Iterable<FileRow> = [], complete_ms = 0) {
    for (const row of rows) this.#rows.set(row[0], row);
    this.complete_ms = complete_ms;
  }

  /** As files of earlier versions have them. */
  static fromObject(files: Record<string, Remembered>, complete_ms?: number): FileRecall {
    return new FileRecall(
      Object.entries(files).map(([where, file]) => rowOf(where, file)),
      complete_ms,
    );
  }

  get rows(): FileRow[] {
    return [...this.#rows.values()];
  }

  get(where: string, version: string): FileResult | undefined {
    this.#requested.add(where);
    const row = this.#rows.get(where);
    if (row === undefined) return undefined;
    if (isCompleted(row)) return row[1] === version ? sightingIn(row) : undefined;
    return row[1].version === version ? (row[1].unreadable ?? sightingIn(row)) : undefined;
  }

  set(where: string, version: string, result: FileResult): void {
    this.#requested.add(where);
    const sighting = 'why' in result ? this.last(where) : result;
    this.#rows.set(
      where,
      rowOf(where, {
        version,
        ...(sighting === undefined ? {} : { sighting: known(sighting) }),
        ...('why' in result ? { unreadable: result } : {}),
      }),
    );
  }

  last(where: string): Sighting | undefined {
    const row = this.#rows.get(where);
    return row && sightingIn(row);
  }

  /** After a complete read. */
  forget(since_ms: number): void {
    for (const [where, row] of this.#rows) {
      if (isEndedBefore(row, since_ms) || !this.#requested.has(where)) this.#rows.delete(where);
    }
    this.#requested = new Set();
    this.complete_ms = Math.max(this.complete_ms, since_ms);
  }
}

function isEndedBefore(row: FileRow, since_ms: number): boolean {
  if (isCompleted(row)) return row[3] < since_ms;
  const { sighting, unreadable } = row[1];
  return unreadable === undefined && sighting !== undefined && hasEnded(sighting) && sighting.told_ms < since_ms;
}
