import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MonitorError } from '../../../protocol/errors.ts';
import { type Claims, parseClaimRules, ruleFor } from './claim-rules.ts';

const roleOf = (rules: string, claims: Claims) => {
  const rule = ruleFor(parseClaimRules(rules), claims);
  return rule && (rule.tenant === null ? rule.role : `${rule.role}@${rule.tenant}`);
};

test('the first rule that matches counts', () => {
  const rules = 'groups=tmon-admins:admin, groups=ops*:operate; email=*@example.com:read\nsub=42:submit@acme';
  assert.equal(roleOf(rules, { groups: ['staff', 'ops-eu'], email: 'a@example.com' }), 'operate');
  assert.equal(roleOf(rules, { groups: 'tmon-admins' }), 'admin');
  assert.equal(roleOf(rules, { email: 'A@EXAMPLE.com' }), 'read');
  assert.equal(roleOf(rules, { sub: 42 }), 'submit@acme');
  assert.equal(roleOf(rules, { groups: ['Tmon-Admins'], email: 'a@example.com.evil.org' }), null);
});

test('a value may contain what separates rules, and a claim may lie within another', () => {
  assert.equal(roleOf('groups=CN=ops,OU=a:b:operate, sub=1:read', { groups: ['CN=ops,OU=a:b'] }), 'operate');
  assert.equal(roleOf('realm_access.roles=tmon:read', { realm_access: { roles: ['tmon'] } }), 'read');
  const namespaced = { 'https://example.com/groups': ['x'] };
  assert.equal(roleOf('https://example.com/groups=x:read', namespaced), 'read');
  assert.equal(roleOf('constructor.name=Object:admin, __proto__=*:admin', {}), null);
});

test('a star stands for any characters, of which none is used twice', () => {
  assert.equal(roleOf('sub=a*a:read', { sub: 'a' }), null);
  assert.equal(roleOf('sub=a*a:read', { sub: 'aa' }), 'read');
  assert.equal(roleOf('sub=*ab*b*:read', { sub: 'xabyb' }), 'read');
  assert.equal(roleOf('sub=*ab*ab:read', { sub: 'xab' }), null);
  assert.equal(roleOf('email=*:read', {}), null);
});

test('an email address that is not verified matches nothing', () => {
  assert.equal(roleOf('email=*@example.com:read', { email: 'a@example.com', email_verified: false }), null);
  assert.equal(
    roleOf('email=*@example.com:read', { email: 'a@example.com' }),
    'read',
    'the provider has no such claim',
  );
});

test('a rule that cannot be read stops the start and names its mistake', () => {
  for (const [text, message] of [
    ['', /is empty/],
    ['groups', /"groups" is not a rule/],
    ['groups=a:read, nonsense', /"nonsense" is not a rule/],
    ['groups=a:owner', /the role of groups=a is "owner"/],
    ['groups=a:read@Acme', /"Acme" is not the id of a tenant/],
    ['groups=a:admin@acme', /the role of groups=a is admin@acme/],
    ['groups=a:worker', /the role of groups=a is "worker"/],
    ['groups=a:owner, email=b:read', /the role of groups=a is "owner"/],
  ] as const) {
    assert.throws(
      () => parseClaimRules(text),
      (error: MonitorError) => error.code === 'bad_setting' && message.test(error.message),
      text,
    );
  }
});
