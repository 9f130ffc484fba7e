/** Reads a file of policies and checks what its schema cannot: names, actions of a verdict, labels and durations. */
import { type Matcher, parseMatcher } from '../../protocol/alert-labels.ts';
import { parseDuration } from '../../protocol/alert-rules.ts';
import {
  JOB_ACTIONS,
  JOB_LABELS,
  PoliciesFile,
  type PolicyEntry,
  type Reason,
  WORKER_ACTIONS,
  WORKER_LABELS,
} from '../../protocol/policies.ts';
import { type FileProblem, type Path, type Report, readYaml, suggestion } from '../yaml-file.ts';
import type { ActionPolicy, CircuitBreaker, Policies } from './policies.ts';

export type ReadPolicies =
  | { policies: Policies; problems?: undefined }
  | { problems: FileProblem[]; policies?: undefined };

/** `defaults`: the file of the default policies, which this one adds to or changes; null for that file itself. */
export function readPoliciesFile(text: string, defaults: PoliciesFile | null): ReadPolicies {
  let policies: Policies | undefined;
  const read = readYaml(text, PoliciesFile, (file, report) => {
    policies = policiesOf(file, defaults, report);
  });
  return read.problems ? { problems: read.problems } : { policies: policies! };
}

/** Those of the file come first, so that one of your own is asked before the default for the same verdict. */
function policiesOf(file: PoliciesFile, defaults: PoliciesFile | null, report: Report): Policies {
  const known = new Map((defaults?.policies ?? []).map((entry) => [entry.name, entry]));
  const kept = file.defaults === false ? [] : [...known.values()];
  const policies: ActionPolicy[] = [];
  const seen = new Set<string>();
  for (const [index, entry] of (file.policies ?? []).entries()) {
    const path = ['policies', index] as const;
    if (seen.has(entry.name)) report([...path, 'name'], `there is another policy ${JSON.stringify(entry.name)}`);
    seen.add(entry.name);
    const policy = policyOf({ ...known.get(entry.name), ...entry }, (below, message, at) =>
      report([...path, ...below], message, at),
    );
    if (policy) policies.push(policy);
  }
  for (const entry of kept) {
    const policy = seen.has(entry.name) ? null : policyOf(entry, unreported);
    if (policy) policies.push(policy);
  }
  const before = breakerOf(defaults?.circuit_breaker ?? {}, NO_BREAKER, unreported);
  const breaker = breakerOf(file.circuit_breaker ?? {}, before, report);
  return { policies, breaker };
}

const unreported: Report = (path, message) => {
  throw new Error(`the default policies are wrong at ${path.join('.')}: ${message}`);
};

const ALLOWED: Readonly<Record<Reason, readonly string[]>> = { ...JOB_ACTIONS, ...WORKER_ACTIONS };

function policyOf(entry: PolicyEntry, report: Report): ActionPolicy | null {
  const { name, verdict, action, mode = 'dry_run' } = entry;
  if (verdict === undefined || action === undefined) {
    const missing = verdict === undefined ? 'verdict' : 'action';
    report(['name'], `${JSON.stringify(name)} is no default policy, so "${missing}" is required`);
    return null;
  }
  if (!ALLOWED[verdict].includes(action)) {
    const place = entry.action === undefined ? ['name'] : ['action'];
    report(place, `${action} is no action for the verdict ${verdict}; there are ${ALLOWED[verdict].join(', ')}`);
  }
  const labels: readonly string[] = Object.hasOwn(JOB_ACTIONS, verdict) ? JOB_LABELS : WORKER_LABELS;
  return {
    name,
    verdict,
    where: matchersOf(entry.where ?? [], labels, report),
    action,
    mode,
    after_ms: durationOf(entry.after ?? 0, ['after'], report),
    per_hour: entry.per_hour ?? PER_HOUR,
  };
}

/** Of a policy that does not say how often. */
const PER_HOUR = 10;

const NO_BREAKER: CircuitBreaker = { actions: 10, share: 0.2, within_ms: 300_000, pause_ms: 1_800_000 };

function breakerOf(
  { actions, share, within, pause }: NonNullable<PoliciesFile['circuit_breaker']>,
  before: CircuitBreaker,
  report: Report,
): CircuitBreaker {
  const path = ['circuit_breaker'];
  return {
    actions: actions ?? before.actions,
    share: share ?? before.share,
    within_ms: within === undefined ? before.within_ms : durationOf(within, [...path, 'within'], report),
    pause_ms: pause === undefined ? before.pause_ms : durationOf(pause, [...path, 'pause'], report),
  };
}

function durationOf(value: number | string, path: Path, report: Report): number {
  const seconds = parseDuration(value);
  if (seconds === null) report(path, `${JSON.stringify(value)} is not a duration like 90s, 30m, 12h or 7d`);
  return Math.round((seconds ?? 0) * 1000);
}

function matchersOf(texts: readonly string[], known: readonly string[], report: Report): Matcher[] {
  return texts.flatMap((text, index) => {
    const path = ['where', index];
    try {
      const matcher = parseMatcher(text);
      if (!known.includes(matcher.name)) {
        report(path, `there is no label ${matcher.name}${suggestion(matcher.name, known)}`);
      }
      return [matcher];
    } catch (error) {
      report(path, (error as Error).message);
      return [];
    }
  });
}
