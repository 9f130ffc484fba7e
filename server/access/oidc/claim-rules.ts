/**
 * Rules that say which role somebody gets by what the identity provider claims about them: `groups=tmon-admins:admin`,
 * `email=*@example.com:read@tenant`. The first that matches counts; who matches none is not let in.
 */
import { MonitorError } from '../../../protocol/errors.ts';
import { TENANT_PATTERN } from '../../../protocol/tenant-id.ts';

export const PEOPLE_ROLES = ['read', 'submit', 'operate', 'admin'] as const;
export type PeopleRole = (typeof PEOPLE_ROLES)[number];

export type ClaimRule = { claim: string; pattern: string; role: PeopleRole; tenant: string | null };

export type Claims = Readonly<Record<string, unknown>>;

/**
 * One rule up to its role, which is followed by a comma, a semicolon, a line break or the end, so that a pattern may
 * contain commas and colons, as a distinguished name does.
 */
const RULE = /\s*([^\s=]+)=(.+?):([a-z_]+)(?:@([\w.-]{1,64}))?\s*(?:[,;\n]\s*|$)/y;

const TENANT = new RegExp(TENANT_PATTERN);

/** Throws MonitorError `bad_setting`. */
export function parseClaimRules(text: string): ClaimRule[] {
  const rules: ClaimRule[] = [];
  const scanner = new RegExp(RULE);
  while (text.slice(scanner.lastIndex).trim() !== '') {
    const from = scanner.lastIndex;
    const [, claim, pattern, role, tenant] = scanner.exec(text) ?? [];
    if (claim === undefined || pattern === undefined) throw bad(`${quoted(text.slice(from))} is not a rule`);
    if (!PEOPLE_ROLES.includes(role as PeopleRole)) {
      throw bad(`the role of ${claim}=${pattern} is ${quoted(role!)}`, `Use ${PEOPLE_ROLES.join(', ')}.`);
    }
    if (tenant !== undefined && !TENANT.test(tenant)) {
      throw bad(`${quoted(tenant)} is not the id of a tenant`, 'Use small letters, digits and -, at most 32.');
    }
    if (tenant !== undefined && role === 'admin') {
      throw bad(`the role of ${claim}=${pattern} is admin@${tenant}`, 'An admin is one of every tenant: leave it out.');
    }
    rules.push({ claim, pattern, role: role as PeopleRole, tenant: tenant ?? null });
  }
  if (rules.length === 0) throw bad('is empty, so nobody could sign in');
  return rules;
}

/** The first rule that matches; null if none does. */
export const ruleFor = (rules: readonly ClaimRule[], claims: Claims): ClaimRule | null =>
  rules.find(({ claim, pattern }) => valuesOf(claims, claim).some((value) => matches(value, pattern, claim))) ?? null;

/** Each claim that the rules use, in their order. */
export const claimsOf = (rules: readonly ClaimRule[]): string[] => [...new Set(rules.map(({ claim }) => claim))];

/** Whether the provider said anything that rules about this claim can use. */
export const hasClaim = (claims: Claims, claim: string): boolean => valuesOf(claims, claim).length > 0;

/** An email address that the provider says is not verified may be anybody's, so it counts for nothing. */
export const isUnverified = ({ email, email_verified }: Claims): boolean =>
  email !== undefined && (email_verified === false || email_verified === 'false');

/** `realm_access.roles` is a claim of this name, or else `roles` within `realm_access`. */
function valuesOf(claims: Claims, name: string): string[] {
  if (name === 'email' && isUnverified(claims)) return [];
  const value = Object.hasOwn(claims, name) ? claims[name] : within(claims, name.split('.'));
  return (Array.isArray(value) ? value : [value])
    .filter((one) => typeof one === 'string' || typeof one === 'number' || typeof one === 'boolean')
    .map(String);
}

function within(claims: unknown, path: readonly string[]): unknown {
  let value = claims;
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Claims)[name];
  }
  return value;
}

/** `*` stands for any characters. Email addresses are compared without regard to case. */
function matches(value: string, pattern: string, claim: string): boolean {
  const fold = (text: string) => (claim === 'email' ? text.toLowerCase() : text);
  const [first = '', ...rest] = fold(pattern).split('*');
  const text = fold(value);
  const last = rest.pop();
  if (last === undefined) return text === first;
  if (!text.startsWith(first)) return false;
  let at = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return text.length - last.length >= at && text.endsWith(last);
}

const quoted = (text: string): string => JSON.stringify(text.trim().slice(0, 100));

const bad = (problem: string, hint = 'A rule is CLAIM=VALUE:ROLE, such as groups=tmon-admins:admin.') =>
  new MonitorError('invalid', 'bad_setting', `oidc_roles: ${problem}`, { hint });
