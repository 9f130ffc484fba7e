/**
 * What the journal asks of the one whose log it keeps. The journal knows order and bytes; the replica knows what they mean.
 *
 * A proposal's life: `draft` decides it on a copy of the fold; the journal puts the lines as segment n; `adopt` makes the
 * copy the fold and answers it. If another instance was first at n, the draft is dropped, `replay` applies that segment,
 * and the proposal is drafted again.
 */
export interface Replica<Proposal> {
  /** Decides proposals in order against the fold, changing nothing. Takes fewer where the lines would exceed `bytes_max`. */
  draft(proposals: readonly Proposal[], slot: Slot): Draft;

  /** Applies a segment that is in the journal. Total: it never throws. */
  replay(segment: ReplayedSegment): void;

  /** The fold as it is now, as rows; the replica keeps changing while they are read. */
  rows(): Iterable<string>;

  /** Replaces the fold by these rows. */
  restore(rows: Iterable<string>): void;

  /** Replaces the fold by the empty one. */
  reset(): void;

  /** Answers a proposal that was not, or perhaps not, written. It is not given again. */
  fail(proposal: Proposal, error: Error): void;
}

/** The place in the log that a draft is for. */
export type Slot = { seq: number; at_ms: number; bytes_max: number };

export interface Draft {
  /** How many of the proposals, from the first, were decided. */
  readonly taken: number;
  /** What is to be written, an event a line; none where nothing happens. */
  readonly lines: readonly string[];
  /** Some were refused, or had nothing to do, which is only true at the very end of the log: make sure of being there. */
  readonly needs_tail: boolean;
  /** The lines are in the journal (or there were none): make the draft the fold, answer the proposals. */
  adopt(): void;
}

export type ReplayedSegment = { seq: number; at_ms: number; lines: readonly string[] };
