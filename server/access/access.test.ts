import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MonitorError } from '../../protocol/errors.ts';
import { formatKey } from '../../protocol/key.ts';
import { DAY_MS, HOUR_MS } from '../../protocol/time.ts';
import { MemoryStore } from '../objects/memory.ts';
import { TurnedClock } from '../testing-clock.ts';
import { TestMonitor } from '../views/testing-monitor.ts';
import { Access } from './access.ts';
import { hashOfKey } from './secrets.ts';
import { EVERYBODY, NOBODY } from './subject.ts';

async function open(
  t: { after: (run: () => unknown) => void },
  { pepper = null as string | null, admin_key_hash = null as string | null } = {},
) {
  const clock = new TurnedClock('2026-01-01T00:00:00Z');
  const monitor = await TestMonitor.open({ store: new MemoryStore(clock), clock });
  const access = new Access({ engine: monitor.engine, clock, pepper, admin_key_hash });
  t.after(async () => {
    access.close();
    await monitor.stop();
  });
  const create = async (role: 'admin' | 'read', { expires_ms = null as number | null } = {}) => {
    const { key, key_id, secret_hash } = access.newSecret();
    const limits = { tags: null, worker_id: null, tenant: null, expires_ms };
    await monitor.do({
      type: 'create_key',
      key_id,
      role,
      name: '',
      ...limits,
      secret_hash,
      by: 'api',
      outside_admin: true,
    });
    return { key, key_id };
  };
  const rotate = async (key_id: string, overlap_ms: number) => {
    const { key, secret_hash } = access.newSecret(key_id);
    await monitor.do({ type: 'rotate_key', key_id, secret_hash, overlap_ms, by: 'api' });
    return key;
  };
  const revoke = (key_id: string) => monitor.do({ type: 'revoke_key', key_id, by: 'api', outside_admin: true });
  const refusal = (key: string) => {
    try {
      access.authenticate(key);
    } catch (error) {
      return (error as MonitorError).code;
    }
    return null;
  };
  return { clock, monitor, access, create, rotate, revoke, refusal };
}

test('without keys everybody may do everything; from the first key on nobody may without one', async (t) => {
  const { access, create } = await open(t);
  assert.equal(access.authenticate('whatever'), EVERYBODY);
  const { key, key_id } = await create('read');
  assert.equal(access.authenticate(undefined), NOBODY);
  assert.equal(access.authenticate(key).actor, `key:${key_id}`);
  assert.notEqual(access.lastUsed(key_id), null);
});

test('a rotated key counts beside its old secret for the overlap alone', async (t) => {
  const { clock, create, rotate, refusal } = await open(t);
  const { key, key_id } = await create('read');
  const second = await rotate(key_id, HOUR_MS);
  assert.deepEqual([refusal(key), refusal(second)], [null, null]);
  await clock.turn(HOUR_MS);
  assert.deepEqual([refusal(key), refusal(second)], ['key_invalid', null]);
});

test('only who has the secret learns that a key was revoked or has expired', async (t) => {
  const { clock, create, revoke, refusal } = await open(t);
  const { key, key_id } = await create('read');
  await revoke(key_id);
  const other = await create('read', { expires_ms: clock.now() + DAY_MS });
  await clock.turn(DAY_MS);
  assert.deepEqual([refusal(key), refusal(other.key)], ['key_revoked', 'key_expired']);
  assert.equal(refusal(formatKey({ id: key_id, secret: '0'.repeat(27) })), 'key_invalid');
});

test('the admin key of the settings counts, with or without keys in the store', async (t) => {
  const admin = (await open(t)).access.newSecret().key;
  const { access, create } = await open(t, { admin_key_hash: hashOfKey(admin) });
  assert.equal(access.authenticate(admin).role, 'admin');
  assert.equal(access.authenticate(undefined), NOBODY);
  await create('read');
  assert.equal(access.authenticate(admin).role, 'admin');
});

test('under another pepper no key counts', async (t) => {
  const one = await open(t, { pepper: 'a long enough pepper' });
  const { key, key_id } = await one.create('read');
  const other = new Access({ engine: one.monitor.engine, clock: one.clock, pepper: null, admin_key_hash: null });
  assert.throws(() => other.authenticate(key), { code: 'key_invalid' });
  assert.equal(one.access.authenticate(key).key?.id, key_id);
  other.close();
});

test('a watch ends with the key, its secret or its time, whichever is first, and only then', async (t) => {
  const { clock, access, create, rotate, revoke } = await open(t);
  const ended: string[] = [];
  const watch = (name: string, key: string) =>
    access.watch(access.authenticate(key), ({ code }) => ended.push(`${name} ${code}`));
  access.watch(EVERYBODY, ({ code }) => ended.push(`everybody ${code}`));
  const stays = await create('read');
  assert.deepEqual(ended.splice(0), ['everybody key_required']);
  const revoked = await create('read');
  const expires = await create('read', { expires_ms: clock.now() + DAY_MS });
  const rotated = await create('read');
  for (const [name, { key }] of Object.entries({ stays, revoked, expires, rotated })) watch(name, key);
  const leave = watch('left', revoked.key);
  leave();
  await revoke(revoked.key_id);
  assert.deepEqual(ended.splice(0), ['revoked key_revoked']);
  await rotate(rotated.key_id, HOUR_MS);
  await clock.turn(HOUR_MS - 1);
  assert.deepEqual(ended.splice(0), []);
  await clock.turn(1);
  assert.deepEqual(ended.splice(0), ['rotated key_invalid']);
  await clock.turn(DAY_MS - HOUR_MS);
  assert.deepEqual(ended.splice(0), ['expires key_expired']);
  await revoke(stays.key_id);
  assert.deepEqual(ended.splice(0), ['stays key_revoked']);
});

test('while the fold is being read again, nobody is let in, and nobody is sent away', async (t) => {
  const { monitor, access, create } = await open(t);
  const { key } = await create('read');
  const ended: unknown[] = [];
  access.watch(access.authenticate(key), (why) => ended.push(why));
  monitor.engine.reset();
  assert.throws(
    () => access.authenticate(undefined),
    (error) => error instanceof MonitorError && error.kind === 'unavailable',
  );
  assert.throws(() => access.authenticate(key), { code: 'starting' });
  assert.deepEqual(ended, []);
});
