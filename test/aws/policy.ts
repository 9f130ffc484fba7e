/**
 * Evaluates IAM policies: a request is allowed if a statement of the identity allows it and none, of the identity or
 * the resource, denies it. Supports the operators that our policies use, and throws on others.
 */
import assert from 'node:assert/strict';

export type Statement = {
  Sid?: string;
  Effect: 'Allow' | 'Deny';
  Action: string | string[];
  Resource: string | string[];
  Principal?: unknown;
  Condition?: Record<string, Record<string, string | string[]>>;
};

export type AwsRequest = {
  action: string;
  resource: string;
  /** Condition keys that the request has. */
  context: Record<string, string>;
};

export type Verdict = {
  allowed: boolean;
  /** The statement that allowed or denied it; null if none allows it. */
  statement: Statement | null;
};

/** `identity`: of the role; `resource`: of the bucket or queue, which only deny here, or allow services. */
export function evaluate(
  request: AwsRequest,
  { identity, resource }: { identity: readonly Statement[]; resource: readonly Statement[] },
): Verdict {
  const applies = (effect: string) => (one: Statement) => one.Effect === effect && appliesTo(one, request);
  const denial = [...identity, ...resource].find(applies('Deny'));
  if (denial) return { allowed: false, statement: denial };
  const grant = identity.find(applies('Allow'));
  return { allowed: grant !== undefined, statement: grant ?? null };
}

/** The patterns of a statement that a request uses: its action and its resource. */
export function patternsUsed({ Action, Resource }: Statement, { action, resource }: AwsRequest): string[] {
  const actions = [Action].flat().filter((pattern) => isLike(action, pattern, 'i'));
  const resources = [Resource].flat().filter((pattern) => isLike(resource, pattern));
  return actions.flatMap((one) => resources.map((other) => `${one} on ${other}`));
}

function appliesTo({ Action, Resource, Condition = {} }: Statement, request: AwsRequest): boolean {
  return (
    [Action].flat().some((pattern) => isLike(request.action, pattern, 'i')) &&
    [Resource].flat().some((pattern) => isLike(request.resource, pattern)) &&
    Object.entries(Condition).every(([operator, keys]) =>
      Object.entries(keys).every(([key, values]) => holds(operator, request.context[key], [values].flat())),
    )
  );
}

function holds(operator: string, value: string | undefined, values: string[]): boolean {
  if (operator === 'Null') return (value === undefined) === (String(values[0]) === 'true');
  const compare = OPERATORS[operator];
  assert.ok(compare, `the operator ${operator} is not known here`);
  if (compare.negated) return value === undefined || !values.some((each) => compare.test(value, each));
  return value !== undefined && values.some((each) => compare.test(value, each));
}

const isEqual = (value: string, other: string) => value === other;
const OPERATORS: Record<string, { negated?: true; test: (value: string, other: string) => boolean }> = {
  StringEquals: { test: isEqual },
  StringLike: { test: (value, pattern) => isLike(value, pattern) },
  ArnEquals: { test: (value, pattern) => isLike(value, pattern) },
  ArnLike: { test: (value, pattern) => isLike(value, pattern) },
  ArnNotEquals: { negated: true, test: (value, pattern) => isLike(value, pattern) },
  Bool: { test: isEqual },
};

function isLike(value: string, pattern: string, flags = ''): boolean {
  const escaped = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${escaped}$`, `s${flags}`).test(value);
}
