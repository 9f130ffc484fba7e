/**
 * What is written in jobs, in blocks of BLOCK_JOBS by creation ordinal: for each block a bit for each three letters of its
 * texts and for each tag, tenant, priority and error code, and when its jobs were created. A search skips the blocks that
 * can't have a match.
 *
 * A block is read when a search first comes to it, and again after one of its texts has changed, so that nothing else pays
 * for it. Takes 32 bytes a job. Shared by all copies of a state, drafts too: a block says which segment changed it last, and counts
 * only for later ones.
 */
import { type JobRecord, tenantOf } from './records.ts';
import type { State } from './state.ts';

export const BLOCK_JOBS = 64;
const BITS = 1 << 14;

type Block = {
  /** The last segment that changed a text of it; 0 if none since the start. */
  changed_seq: number;
  written: Written | null;
};

type Written = { bits: Uint32Array; first_ms: number; last_ms: number };

/** What a job must have written to match a search. */
export type Sought = {
  bits: readonly number[];
  created_after_ms?: number | undefined;
  created_before_ms?: number | undefined;
};

export const blockOf = (ordinal: number): number => Math.floor(ordinal / BLOCK_JOBS);

export class JobBlocks {
  readonly #blocks = new Map<number, Block>();
  /** The last segment in which a block was forgotten, perhaps of a draft: older states don't know whether it has changed since. */
  #forgotten_seq = 0;

  /** A text of the job changed in this segment, or it is new. */
  changed(ordinal: number, seq: number): void {
    const block = this.#blocks.get(blockOf(ordinal));
    if (block === undefined) this.#blocks.set(blockOf(ordinal), { changed_seq: seq, written: null });
    else {
      block.changed_seq = seq;
      block.written = null;
    }
  }

  /** Whether a job of the block may match in this state. Reads the block, if that was not done since it changed. */
  mayHave(state: State, number: number, sought: Sought): boolean {
    const written = this.#written(state, number);
    return written === null || has(written, sought);
  }

  /** Whether no job of the block matches, as far as that is known without reading it. */
  excludes(state: State, number: number, sought: Sought): boolean {
    const block = this.#blocks.get(number);
    if (!block?.written || block.changed_seq >= state.seq) return false;
    return !has(block.written, sought);
  }

  /**
   * Null if jobs are still added to it, or it has changed since this state, or in its own segment: that may be a draft, of which
   * nothing may be kept.
   */
  #written(state: State, number: number): Written | null {
    const known = this.#blocks.get(number);
    if ((known?.changed_seq ?? this.#forgotten_seq) >= state.seq) return null;
    if (known?.written) return known.written;
    if (number >= blockOf(state.scalars.next_ordinal)) return null;
    const written = writtenIn(state, number);
    this.#blocks.set(number, { changed_seq: known?.changed_seq ?? 0, written });
    return written;
  }

  /** No job of it is left. */
  forget(number: number, seq: number): void {
    this.#forgotten_seq = Math.max(this.#forgotten_seq, seq);
    this.#blocks.delete(number);
  }
}

export function isEmptyBlock({ tables }: State, number: number): boolean {
  const { done, value: next } = tables.jobs_by_creation.keys(number * BLOCK_JOBS).next();
  return done === true || blockOf(next) !== number;
}

/** Whether the same is found in both. */
export const sameTexts = (last: JobRecord, next: JobRecord): boolean =>
  last.last_error === next.last_error &&
  last.tags === next.tags &&
  last.metadata === next.metadata &&
  last.audio_url === next.audio_url &&
  last.priority === next.priority &&
  last.created_ms === next.created_ms;

function has({ bits, first_ms, last_ms }: Written, sought: Sought): boolean {
  if (sought.created_after_ms !== undefined && last_ms < sought.created_after_ms) return false;
  if (sought.created_before_ms !== undefined && first_ms >= sought.created_before_ms) return false;
  return sought.bits.every((bit) => (bits[bit >>> 5]! & (1 << (bit & 31))) !== 0);
}

function writtenIn(state: State, number: number): Written {
  const bits = new Uint32Array(BITS / 32);
  const mark = (bit: number) => {
    bits[bit >>> 5]! |= 1 << (bit & 31);
  };
  const markAll = (all: readonly number[]) => {
    for (const bit of all) mark(bit);
  };
  let [first_ms, last_ms] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  const [low, high] = [number * BLOCK_JOBS, (number + 1) * BLOCK_JOBS];
  state.tables.jobs_by_creation.forRange(low, high, false, (_, job_id) => {
    const job = state.job(job_id)!;
    first_ms = Math.min(first_ms, job.created_ms);
    last_ms = Math.max(last_ms, job.created_ms);
    for (const text of textsOf(job)) markTrigrams(text.toLowerCase(), mark);
    for (const tag of job.tags) markAll(wordBits('tag', tag));
    markAll(wordBits('priority', job.priority));
    markAll(wordBits('tenant', tenantOf(job)));
    if (job.last_error) markAll(wordBits('error_code', job.last_error.code));
  });
  return { bits, first_ms, last_ms };
}

/** The texts that a search looks into. */
export function* textsOf({ job_id, audio_url, tags, metadata, last_error }: JobRecord): Generator<string> {
  yield job_id;
  yield audio_url;
  yield* tags;
  for (const [name, value] of Object.entries(metadata ?? {})) {
    yield name;
    yield value;
  }
  if (last_error) {
    yield last_error.code;
    yield last_error.message;
  }
}

function markTrigrams(text: string, mark: (bit: number) => void): void {
  for (let i = 2; i < text.length; i++) mark(trigramBit(text, i));
}

/** Of the three letters that end at `i`. */
const trigramBit = (text: string, i: number): number =>
  (Math.imul(
    Math.imul(text.charCodeAt(i - 2), 961) + Math.imul(text.charCodeAt(i - 1), 31) + text.charCodeAt(i),
    0x9e3779b1,
  ) >>>
    16) %
  BITS;

/** Of every three letters of a text; none of a shorter one. `text` is in lower case. */
export function trigramBits(text: string): number[] {
  const bits = new Set<number>();
  markTrigrams(text, (bit) => bits.add(bit));
  return [...bits];
}

/** A word has several bits, since the texts of a block set about an eighth of all. */
const BITS_OF_WORD = 4;

export function wordBits(kind: 'tag' | 'priority' | 'tenant' | 'error_code', word: string): number[] {
  let hash = 0x811c9dc5;
  for (const text of [kind, word]) {
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    hash = Math.imul(hash ^ 0x1f, 0x01000193);
  }
  const step = (hash >>> 16) | 1;
  return Array.from({ length: BITS_OF_WORD }, (_, n) => ((hash >>> 0) + n * step) % BITS);
}
