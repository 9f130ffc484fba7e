/**
 * The interface between the journal and its state. The journal handles order and bytes; the replica gives them meaning.
 *
 * `draft` decides a proposal on a copy of the fold; the journal puts the lines as segment n; `adopt` makes the copy the
 * fold and resolves the proposal. If another instance wrote n first, the draft is dropped, `replay` applies that
 * segment, and the proposal is drafted again.
 */
export interface Replica<Proposal> {
  /** Decides proposals in order without changing the fold. Takes fewer if the lines would exceed `bytes_max`. */
  draft(proposals: readonly Proposal[], slot: Slot): Draft;

  /** Applies a segment that is in the journal. Total: it never throws. */
  replay(segment: ReplayedSegment): void;

  /** The current fold as rows, which must not change while the replica does. */
  rows(): Iterable<string>;

  /** Replaces the fold with that of these rows. */
  restore(rows: Iterable<string>): void;

  /** Replaces the fold with an empty one. */
  reset(): void;

  /** Rejects a proposal that was not written, or whose outcome is unknown. Called at most once per proposal. */
  fail(proposal: Proposal, error: Error): void;
}

/** The position in the log of a draft. */
export type Slot = { seq: number; at_ms: number; bytes_max: number };

export interface Draft {
  /** Number of proposals, from the first, that were decided. */
  readonly taken: number;
  /** The lines to write, one per event; empty if nothing changes. */
  readonly lines: readonly string[];
  /**
   * A proposal was refused or changes nothing, which is only valid at the end of the log: check that this is the end.
   */
  readonly needs_tail: boolean;
  /** The lines are in the journal (or there were none): makes the draft the fold and resolves the proposals. */
  adopt(): void;
}

export type ReplayedSegment = { seq: number; at_ms: number; lines: readonly string[] };
