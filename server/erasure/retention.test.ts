/** The rules of retention: what a file of them says, and when a job is due. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { DAY_MS } from '../../protocol/time.ts';
import { dueOf, KEEP_ALL, readRetention, shortest } from './retention.ts';

const page = readFileSync(new URL('../../docs/erasure.md', import.meta.url), 'utf8');
const rules = readRetention(/```yaml\n(.*?)```/s.exec(page)![1]!).rules!;
const due = (...tags: string[]) => dueOf(rules, { tags, completed_ms: 5 });
const ofAcme = (...tags: string[]) => dueOf(rules, { tags, tenant: 'acme', completed_ms: 5 })?.rule;

test('the file of the page: the rule of a tag comes before the default, and of several the shortest period counts', () => {
  assert.deepEqual(due(), { due_ms: 5 + 400 * DAY_MS, rule: 'default' });
  assert.deepEqual(due('other'), { due_ms: 5 + 400 * DAY_MS, rule: 'default' });
  assert.deepEqual(due('legal', 'call-center'), { due_ms: 5 + 30 * DAY_MS, rule: 'tag:call-center' });
  assert.equal(due('legal'), null);
  assert.deepEqual(
    [ofAcme(), ofAcme('call-center'), ofAcme('legal')],
    ['tenant:acme', 'tag:call-center', 'tenant:acme'],
  );
  assert.equal(dueOf(rules, { tags: [], completed_ms: null }), null);
  assert.equal(shortest(rules), 30 * DAY_MS);
});

test('without rules every job is kept', () => {
  assert.equal(dueOf(KEEP_ALL, { tags: ['x'], completed_ms: 5 }), null);
  assert.equal(shortest(readRetention('').rules!), null);
});

test('a period below a day, or that is none, is refused with its place', () => {
  const problemsOf = (text: string) =>
    readRetention(text).problems?.map(({ line, message }) => `${line}: ${message.slice(0, 12)}`);
  assert.deepEqual(problemsOf('default: 30m\n'), ['1: "30m" is not']);
  assert.deepEqual(problemsOf('tags:\n  a: 30d\n  b: soon\n'), ['3: "soon" is no']);
  assert.match(readRetention('tag: {}\n').problems![0]!.message, /did you mean "tags"/);
});
