/** What policies have decided: the log of it, how often each acted in the last hour, and the pause of the circuit breaker. */
import type { Action, ActionOutcome, Mode } from '../../../protocol/policies.ts';
import { HOUR_MS } from '../../../protocol/time.ts';
import type { Evidence } from '../../../protocol/verdict.ts';
import type { State } from './state.ts';

/** What is kept on the job or worker itself. */
export type ActionNote = {
  at_ms: number;
  policy: string;
  /** The verdict that is the reason. */
  verdict: string;
  action: Action;
  outcome: ActionOutcome;
  reason: string;
};

export type ActionRecord = ActionNote & {
  ordinal: number;
  /** Null of a decision about a worker. */
  job_id: string | null;
  worker_id: string | null;
  launched_worker_id: string | null;
  mode: Mode;
  evidence: Evidence;
  /** What the fleet has to do, or has done; null if nothing. */
  machine: { state: 'pending' | 'done' | 'failed'; details: string | null } | null;
  /** Name of the instance that decided, whose fleet does it. */
  by: string;
};

/** Times of the decisions of a policy in the last hour, oldest first. */
export type PolicyCounts = { acted: readonly number[]; dry_run: readonly number[] };

/** All policies do nothing until then, unless somebody resumes them. */
export type PoliciesPaused = { since_ms: number; until_ms: number; reason: string };

/** More than there can be about one attempt, or nearly. */
export const NOTES_MAX = 16;
/** Ended ones beyond these are forgotten, the oldest first. */
export const ACTIONS_MAX = 1_000;
const TIMES_MAX = 1_000;

export const noted = (notes: readonly ActionNote[] | null | undefined, note: ActionNote): readonly ActionNote[] =>
  [...(notes ?? []), note].slice(-NOTES_MAX);

/** The decisions in the hour before `at_ms`. */
export function lastHour(
  { tables }: State,
  policy: string,
  outcome: keyof PolicyCounts,
  at_ms: number,
): readonly number[] {
  const times = tables.policy_counts.get(policy)?.[outcome] ?? NO_TIMES;
  return times.filter((time_ms) => time_ms > at_ms - HOUR_MS);
}

const NO_TIMES: readonly number[] = [];

export function countDecision(state: State, policy: string, outcome: keyof PolicyCounts): void {
  const { at_ms, tables } = state;
  const counts = {
    acted: lastHour(state, policy, 'acted', at_ms),
    dry_run: lastHour(state, policy, 'dry_run', at_ms),
  };
  tables.policy_counts.set(policy, { ...counts, [outcome]: [...counts[outcome], at_ms].slice(-TIMES_MAX) });
}

export const actionId = (ordinal: number): string => `action-${ordinal}`;

/** Newest first. */
export function* newestActions({ tables }: State, before = Number.MAX_SAFE_INTEGER): Generator<ActionRecord> {
  for (const [ordinal, action] of tables.actions.entriesReversed(before)) if (ordinal < before) yield action;
}
