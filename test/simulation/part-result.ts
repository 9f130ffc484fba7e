/** What a history of one part of the state machine shows. */
export type PartResult = {
  seed: number;
  violation: { invariant: string; message: string } | null;
  /** The last ones. */
  steps: string[];
  /** The state at the end, as the rows of a snapshot. */
  trace: string;
  /** How often what happened. */
  counts: Record<string, number>;
};
