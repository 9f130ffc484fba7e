/** Sessions that nobody uses end, on every instance, and a use is written rarely. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { HOUR_MS, MINUTE_MS } from '../../protocol/time.ts';
import { MemoryStore } from '../objects/memory.ts';
import { TurnedClock } from '../testing-clock.ts';
import { TestMonitor } from '../views/testing-monitor.ts';
import { Access } from './access.ts';

const clock = new TurnedClock('2026-01-01T00:00:00Z');

/** An instance with sessions that end after an hour without use. */
async function open(t: TestContext, { store = new MemoryStore(clock), session_idle_ms = HOUR_MS } = {}) {
  const monitor = await TestMonitor.open({ store, clock, shared: true });
  const { engine } = monitor;
  const settings = { engine, clock, pepper: null, admin_key_hash: null, provider: { issuer: 'idp', admins: true } };
  const access = new Access({ ...settings, session_idle_ms });
  let written = 0;
  engine.subscribe((segment) => {
    written += segment?.events.filter(({ type }) => type === 'PassUsed').length ?? 0;
  });
  t.after(async () => {
    access.close();
    await monitor.stop();
  });
  const signIn = async (lifetime_ms = 12 * HOUR_MS) => {
    const { pass_id, text, secret_hash } = access.newPass();
    const person = { issuer: 'idp', sub: 'ada', name: 'ada', role: 'read', tenant: null } as const;
    const none = { key_id: null, key_hash: null, job_id: null };
    const expires_ms = clock.now() + lifetime_ms;
    await monitor.do({ type: 'issue_pass', pass_id, kind: 'session', person, secret_hash, expires_ms, ...none });
    return text;
  };
  return { store, access, signIn, written: () => written, again: () => new Access({ ...settings, session_idle_ms }) };
}

/** Whether the session counts. */
function counts(access: Access, text: string, use = true): boolean {
  try {
    access.authenticatePass(text, 'session', { use });
    return true;
  } catch {
    return false;
  }
}

test('a session ends after an hour without use, and what was opened with it ends then', async (t) => {
  const { access, signIn } = await open(t);
  const text = await signIn();
  const ended: string[] = [];
  access.watch(access.authenticatePass(text, 'session'), ({ code }) => ended.push(code));
  await clock.turn(40 * MINUTE_MS);
  assert.ok(counts(access, text));
  await clock.turn(59 * MINUTE_MS);
  assert.ok(counts(access, text, false), 'the page itself asks');
  assert.deepEqual(ended, []);
  await clock.turn(MINUTE_MS);
  assert.deepEqual([counts(access, text), counts(access, text), ended], [false, false, ['pass_invalid']]);
});

test('use does not prolong a session beyond its time, and without a limit nothing else ends it', async (t) => {
  for (const session_idle_ms of [HOUR_MS, 0]) {
    const { access, signIn, written } = await open(t, { session_idle_ms });
    const [used, unused] = [await signIn(3 * HOUR_MS), await signIn(3 * HOUR_MS)];
    for (let minute = 0; minute < 179; minute++) {
      assert.ok(counts(access, used));
      await clock.turn(MINUTE_MS);
    }
    assert.equal(counts(access, unused), session_idle_ms === 0);
    await clock.turn(MINUTE_MS);
    assert.deepEqual([counts(access, used), counts(access, unused)], [false, false]);
    assert.equal(written(), session_idle_ms === 0 ? 0 : 35, 'once in five minutes');
  }
});

test('another instance and a later start know of a use, and end the session five minutes sooner at most', async (t) => {
  const { store, access, signIn, again } = await open(t);
  const other = await open(t, { store });
  const text = await signIn();
  await clock.turn(50 * MINUTE_MS);
  assert.ok(counts(access, text));
  await clock.turn(4 * MINUTE_MS);
  assert.ok(counts(access, text), 'this use is not written');
  await clock.turn(55 * MINUTE_MS);
  const later = again();
  t.after(() => later.close());
  for (const one of [access, other.access, later]) assert.ok(counts(one, text, false));
  await clock.turn(2 * MINUTE_MS);
  assert.deepEqual(
    [access, other.access, later].map((one) => counts(one, text, false)),
    [true, false, false],
  );
});
