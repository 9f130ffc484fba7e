/**
 * A pack: finished jobs as one object of the archive, a line each, by the time of their end and then by id.
 *
 *     {"format":1,"kind":"jobs"}
 *     {"job_id":"job-1", …}                      the fold's record; job_id is its first field
 *     {"count":1,"sha256":"…"}                   of every byte above
 *
 * The journal names each pack with its hash, so a pack that is missing or changed is noticed when it is read.
 */
import { hash } from 'node:crypto';
import type { JobRecord, Pack, PackRecord } from '../state-machine/state/records.ts';
import { packKey } from './keys.ts';

const HEADER = '{"format":1,"kind":"jobs"}\n';
const NEWLINE = 0x0a;

export const endOf = (job: JobRecord): number => job.completed_ms ?? 0;

/** `name` makes its key unique. At least one job, and at most one per id. */
export function encodePack(jobs: readonly JobRecord[], name: string): { pack: Pack; bytes: Buffer; jobs: JobRecord[] } {
  const sorted = [...jobs].sort((a, b) => endOf(a) - endOf(b) || (a.job_id < b.job_id ? -1 : 1));
  const body = Buffer.from(HEADER + sorted.map((job) => `${rowOf(job)}\n`).join(''));
  const sha256 = hashOf(body);
  const [first_ms, last_ms] = [endOf(sorted[0]!), endOf(sorted.at(-1)!)];
  const ordinals = sorted.map(({ ordinal }) => ordinal);
  const pack: Pack = {
    key: packKey(first_ms, last_ms, name),
    sha256,
    first_ms,
    last_ms,
    first_ordinal: Math.min(...ordinals),
    last_ordinal: Math.max(...ordinals),
  };
  return { pack, bytes: Buffer.concat([body, footerOf(sorted.length, sha256)]), jobs: sorted };
}

/** `job_id` first, so that a row is found by its first bytes. */
function rowOf({ job_id, ...others }: JobRecord): string {
  return JSON.stringify({ job_id, ...others });
}

const footerOf = (count: number, sha256: string): Buffer => Buffer.from(`${JSON.stringify({ count, sha256 })}\n`);

/** The rows of a pack with this hash; null if its bytes have changed. */
export function openPack(bytes: Uint8Array, { sha256, count, stale }: PackRecord): PackRows | null {
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const footer = footerOf(count, sha256);
  const body = whole.subarray(0, Math.max(0, whole.length - footer.length));
  if (!whole.subarray(body.length).equals(footer) || hashOf(body) !== sha256) return null;
  return new PackRows(body, stale);
}

/** Rows are parsed on demand. */
export class PackRows {
  readonly #body: Buffer;
  readonly #stale: ReadonlySet<string>;
  /** Where each row begins, and where the last one ends. */
  readonly #starts: number[] = [];

  constructor(body: Buffer, stale: readonly string[]) {
    this.#body = body;
    this.#stale = new Set(stale);
    for (let at = body.indexOf(NEWLINE); at >= 0; at = body.indexOf(NEWLINE, at + 1)) this.#starts.push(at + 1);
  }

  get count(): number {
    return this.#starts.length - 1;
  }

  row(index: number): JobRecord {
    return JSON.parse(this.#body.toString('utf8', this.#starts[index]!, this.#starts[index + 1]! - 1)) as JobRecord;
  }

  /** undefined: it has no such job, or a later pack has a newer record of it. */
  find(job_id: string): JobRecord | undefined {
    if (this.#stale.has(job_id)) return undefined;
    const at = this.#body.indexOf(`\n{"job_id":${JSON.stringify(job_id)},`) + 1;
    if (at === 0) return undefined;
    return JSON.parse(this.#body.toString('utf8', at, this.#body.indexOf(NEWLINE, at))) as JobRecord;
  }

  /** Without jobs of which later packs have newer records. */
  *jobs(): Generator<JobRecord> {
    for (let index = 0; index < this.count; index++) {
      const job = this.row(index);
      if (!this.#stale.has(job.job_id)) yield job;
    }
  }

  /** The number of rows before this end. */
  rowsBefore({ ended_ms, job_id }: { ended_ms: number; job_id: string }): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >> 1;
      const job = this.row(middle);
      if (endOf(job) < ended_ms || (endOf(job) === ended_ms && job.job_id < job_id)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  isStale(job_id: string): boolean {
    return this.#stale.has(job_id);
  }
}

export const hashOf = (bytes: Uint8Array): string => hash('sha256', bytes, 'hex');
