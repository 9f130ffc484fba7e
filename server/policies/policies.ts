/** What a file of policies says, read and checked; and which of them is for a job or a worker. */
import { type Labels, type Matcher, matches } from '../../protocol/alert-labels.ts';
import type { Action, Mode, Reason } from '../../protocol/policies.ts';

export type ActionPolicy = {
  name: string;
  verdict: Reason;
  where: readonly Matcher[];
  action: Action;
  mode: Mode;
  /** How long the verdict must have stood. */
  after_ms: number;
  /** How often it acts in any hour, at most. */
  per_hour: number;
};

/** More than so many actions at once are the fault of the monitor, the network or the store: all policies are paused. */
export type CircuitBreaker = { actions: number; share: number; within_ms: number; pause_ms: number };

/** The first policy for a verdict whose matchers select the job or worker decides. */
export type Policies = { policies: readonly ActionPolicy[]; breaker: CircuitBreaker };

/** `tags`: of a job; a matcher on `tag` selects by any of them. */
export function policyFor(
  { policies }: Policies,
  verdict: string,
  labels: Labels,
  tags: readonly string[] = [],
): ActionPolicy | undefined {
  return policies.find(
    (policy) =>
      policy.verdict === verdict && policy.mode !== 'off' && policy.where.every((one) => selects(one, labels, tags)),
  );
}

function selects(matcher: Matcher, labels: Labels, tags: readonly string[]): boolean {
  if (matcher.name !== 'tag') return matches(matcher, labels);
  const each = (tags.length === 0 ? [''] : tags).map((tag) => matches(matcher, { tag }));
  return matcher.op === '=' ? each.includes(true) : !each.includes(false);
}
