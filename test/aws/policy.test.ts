/** The policy evaluator of other tests: denials win, absent keys, patterns. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { evaluate, type Statement } from './policy.ts';

const put = (key: string, context: Record<string, string> = {}) => ({
  action: 's3:PutObject',
  resource: `arn:aws:s3:::bucket/${key}`,
  context,
});
const all: Statement = { Effect: 'Allow', Action: 's3:*', Resource: '*' };
const allowed = (request: ReturnType<typeof put>, identity: Statement[], resource: Statement[] = []) =>
  evaluate(request, { identity, resource }).allowed;

test('nothing is allowed without a statement that allows it', () => {
  assert.equal(allowed(put('a'), []), false);
  assert.equal(allowed(put('a'), [{ ...all, Action: 's3:Get*' }]), false);
  assert.equal(allowed(put('a'), [{ ...all, Resource: 'arn:aws:s3:::bucket/b*' }]), false);
  assert.equal(allowed(put('a'), [all]), true);
});

test('a denial wins, also if it is the resource’s', () => {
  const denial: Statement = { ...all, Effect: 'Deny' };
  assert.equal(allowed(put('a'), [all, denial]), false);
  assert.equal(allowed(put('a'), [all], [denial]), false);
});

test('a condition on an absent key holds only for Null and for negated operators', () => {
  const without: Statement = { ...all, Effect: 'Deny', Condition: { Null: { 's3:if-none-match': 'true' } } };
  assert.equal(allowed(put('a'), [all], [without]), false);
  assert.equal(allowed(put('a', { 's3:if-none-match': '*' }), [all], [without]), true);
  const others: Statement = { ...all, Effect: 'Deny', Condition: { ArnNotEquals: { 'aws:PrincipalArn': 'arn:me' } } };
  assert.equal(allowed(put('a'), [all], [others]), false);
  assert.equal(allowed(put('a', { 'aws:PrincipalArn': 'arn:me' }), [all], [others]), true);
  const mine: Statement = { ...all, Condition: { StringEquals: { tag: 'x' } } };
  assert.equal(allowed(put('a'), [mine]), false);
  assert.equal(allowed(put('a', { tag: 'x' }), [mine]), true);
});

test('an unknown operator is an error, not a permission', () => {
  assert.throws(
    () => allowed(put('a', { k: '1' }), [{ ...all, Condition: { NumericLessThan: { k: '2' } } }]),
    /not known/,
  );
});
