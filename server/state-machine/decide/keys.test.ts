import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DAY_MS, HOUR_MS } from '../../../protocol/time.ts';
import { KEYS_MAX, keyCounts } from '../state/keys.ts';
import { restore, snapshotRows } from '../state/snapshot.ts';
import { Monitor } from '../testing.ts';
import type { CommandBody } from './commands.ts';

type Creation = CommandBody & { type: 'create_key' };

const creation = (key_id: string, more: Partial<Creation> = {}): Creation => ({
  type: 'create_key',
  key_id,
  role: 'admin',
  name: '',
  tags: null,
  worker_id: null,
  tenant: null,
  expires_ms: null,
  secret_hash: `hash of ${key_id}`,
  by: 'api',
  outside_admin: false,
  ...more,
});
const rotation = (key_id: string, secret_hash: string) =>
  ({ type: 'rotate_key', key_id, secret_hash, overlap_ms: HOUR_MS, by: 'api' }) as const;
const revocation = (key_id: string, outside_admin = false) =>
  ({ type: 'revoke_key', key_id, by: 'api', outside_admin }) as const;

/** With one admin key. */
function keyed(): Monitor {
  const monitor = new Monitor();
  monitor.run(creation('root'));
  return monitor;
}

const keyOf = (monitor: Monitor, id: string) => monitor.state.tables.keys.get(id)!;
const refusalOf = (monitor: Monitor, body: CommandBody) => monitor.run(body).refusal?.code;

test('a key is what its creation said, and nothing else', () => {
  const monitor = keyed();
  const expires_ms = monitor.at_ms + DAY_MS;
  const made = creation('k', { role: 'submit', name: 'web shop', tags: ['shop'], expires_ms, by: 'key:root' });
  assert.equal(refusalOf(monitor, made), undefined);
  assert.deepEqual(keyOf(monitor, 'k'), {
    id: 'k',
    version: 2,
    role: 'submit',
    name: 'web shop',
    tags: ['shop'],
    worker_id: null,
    tenant: null,
    secrets: [{ hash: 'hash of k', until_ms: null }],
    created_ms: monitor.at_ms,
    created_by: 'key:root',
    expires_ms,
    rotated_ms: null,
    revoked_ms: null,
  });
});

describe('nobody is locked out', () => {
  test('the first key is an admin’s, unless the settings have one', () => {
    const monitor = new Monitor();
    assert.equal(refusalOf(monitor, creation('k', { role: 'worker' })), 'first_key_not_admin');
    assert.equal(refusalOf(monitor, creation('k', { role: 'worker', outside_admin: true })), undefined);
    assert.equal(refusalOf(monitor, creation('l', { role: 'read' })), 'first_key_not_admin');
  });

  test('the last admin key is not revoked; one that has expired does not count', () => {
    const monitor = keyed();
    monitor.run(creation('other', { expires_ms: monitor.at_ms + HOUR_MS }));
    monitor.later(HOUR_MS);
    assert.equal(refusalOf(monitor, revocation('root')), 'last_admin_key');
    monitor.run(creation('third'));
    assert.equal(refusalOf(monitor, revocation('root')), undefined);
    assert.equal(refusalOf(monitor, revocation('third')), 'last_admin_key');
    assert.equal(refusalOf(monitor, revocation('third', true)), undefined);
  });
});

test('of several first keys, as two instances make them, one is made', () => {
  const monitor = new Monitor();
  assert.equal(refusalOf(monitor, creation('a', { first: true })), undefined);
  assert.equal(refusalOf(monitor, creation('b', { first: true })), 'keys_exist');
});

test('limits that the role cannot have, and an end that is past, are refused', () => {
  const monitor = keyed();
  for (const role of ['worker', 'operate', 'admin'] as const) {
    assert.equal(refusalOf(monitor, creation('k', { role, tags: ['a'] })), 'role_without_tags', role);
  }
  for (const role of ['read', 'submit', 'operate', 'admin'] as const) {
    assert.equal(refusalOf(monitor, creation('k', { role, worker_id: 'w' })), 'role_without_worker', role);
  }
  assert.equal(refusalOf(monitor, creation('k', { expires_ms: monitor.at_ms })), 'key_over');
  assert.equal(refusalOf(monitor, creation('root')), 'key_id_taken');
});

test('a rotated key has two secrets until the overlap is over, and never a third', () => {
  const monitor = keyed();
  monitor.run(rotation('root', 'second'));
  const until_ms = monitor.at_ms + HOUR_MS;
  assert.deepEqual(keyOf(monitor, 'root').secrets, [
    { hash: 'second', until_ms: null },
    { hash: 'hash of root', until_ms },
  ]);
  monitor.later(1000).run(rotation('root', 'third'));
  assert.deepEqual(keyOf(monitor, 'root').secrets, [
    { hash: 'third', until_ms: null },
    { hash: 'second', until_ms: until_ms + 1000 },
  ]);
});

test('a key that was revoked or has expired is not rotated, and revoking it again changes nothing', () => {
  const monitor = keyed();
  monitor.run(creation('k', { expires_ms: monitor.at_ms + HOUR_MS }));
  monitor.run(creation('l'));
  monitor.run(revocation('l'));
  const revoked_ms = monitor.at_ms;
  monitor.later(HOUR_MS);
  assert.equal(refusalOf(monitor, rotation('k', 'x')), 'key_ended');
  assert.equal(refusalOf(monitor, rotation('l', 'x')), 'key_ended');
  assert.deepEqual(monitor.run(revocation('l')).events, []);
  assert.equal(keyOf(monitor, 'l').revoked_ms, revoked_ms);
  assert.equal(refusalOf(monitor, rotation('none', 'x')), 'key_not_found');
  assert.equal(refusalOf(monitor, revocation('none')), 'key_not_found');
});

test('of too many keys the oldest that has ended makes room; if none has, creation is refused', () => {
  const monitor = keyed();
  for (let n = 1; n < KEYS_MAX; n++) {
    const { type: _, outside_admin: __, key_id, ...data } = creation(`k${n}`, { role: 'read' });
    monitor.apply({ type: 'KeyCreated', entity: key_id, data });
  }
  assert.equal(refusalOf(monitor, creation('more')), 'too_many_keys');
  monitor.run(revocation('k7'));
  monitor.run(revocation('k5'));
  assert.equal(refusalOf(monitor, creation('more')), undefined);
  assert.deepEqual(
    ['k5', 'k7', 'more', 'root'].map((id) => monitor.state.tables.keys.has(id)),
    [false, true, true, true],
  );
});

test('a snapshot has the keys', () => {
  const monitor = keyed();
  monitor.run(creation('k', { role: 'worker', worker_id: 'worker-1' }));
  monitor.run(rotation('k', 'x'));
  monitor.run(revocation('k'));
  const restored = restore(snapshotRows(monitor.state));
  assert.deepEqual([...restored.tables.keys.entries()], [...monitor.state.tables.keys.entries()]);
  assert.equal(keyCounts(restored.tables.keys.get('k')!, monitor.at_ms), false);
  assert.equal(keyCounts(restored.tables.keys.get('root')!, monitor.at_ms), true);
});
