/** The identity of commands: which requests are the same command. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EVERYBODY } from '../../access/subject.ts';
import type { Caller } from '../caller.ts';
import { commandOf, commandsOf, requestKey } from './command.ts';

const callerOf = (sent_key?: string, body: unknown = {}): Caller => ({
  subject: EVERYBODY,
  address: '127.0.0.1',
  request_id: 'request-1',
  sent_key,
  idempotency_key: null,
  content: ['POST', '/api/v1/jobs', body],
  if_none_match: undefined,
  traceparent: undefined,
  signal: new AbortController().signal,
});
const BODY = { type: 'submit_jobs', jobs: [] } as const;

test('a request without a key gets one; repeated with that key, it is the same command', () => {
  for (const none of [undefined, '']) {
    const first = callerOf(none);
    const { id, fingerprint } = commandOf(first, BODY);
    assert.match(first.idempotency_key!, /^tmon-/);
    const again = callerOf(first.idempotency_key!);
    assert.deepEqual(commandOf(again, BODY), { id, fingerprint, actor: 'api', body: BODY });
    assert.equal(again.idempotency_key, first.idempotency_key);
    assert.notEqual(commandOf(callerOf(none), BODY).id, id);
  }
});

test('a caller’s key determines the command id, and is not stored itself', () => {
  const caller = callerOf('my key');
  const { id } = commandOf(caller, BODY);
  assert.equal(caller.idempotency_key, 'my key');
  assert.equal(commandOf(callerOf('my key'), BODY).id, id);
  assert.notEqual(commandOf(callerOf('my other key'), BODY).id, id);
  assert.ok(!id.includes('my key'));
});

test('only a complete generated key counts as generated', () => {
  const ulid = '01ARZ3NDEKTSV4RRFFQ69G5FAV';
  assert.equal(requestKey(callerOf(`tmon-${ulid}`)), ulid);
  for (const key of [ulid, `x-tmon-${ulid}`, `tmon-${ulid}0`, `tmon-${ulid.slice(1)}`, `tmon-${ulid}/../x`]) {
    assert.match(requestKey(callerOf(key))!, /^k[\w-]{22}$/, key);
  }
});

test('another body with the same key has another fingerprint', () => {
  assert.notEqual(commandOf(callerOf('k', { a: 1 }), BODY).fingerprint, commandOf(callerOf('k'), BODY).fingerprint);
});

test('the ids of a request’s commands derive from its id in order, the same each time', () => {
  const idsOf = () => {
    const next = commandsOf(callerOf('k'));
    return [next(BODY), next(BODY), next(BODY)].map(({ id }) => id);
  };
  const [first, second, third] = idsOf();
  assert.equal(first, requestKey(callerOf('k')));
  assert.deepEqual([second, third], [`${first}-1`, `${first}-2`]);
  assert.deepEqual(idsOf(), [first, second, third]);
});
