/** Harmful rules that are added to a bucket later raise an alert, which is resolved once they are removed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JumpingClock } from '../../test/servers/jumping-clock.ts';
import { openMonitor } from '../../test/servers/monitor.ts';
import { MemoryStore } from '../objects/memory.ts';
import type { StoreFinding } from '../objects/store.ts';
import { settled, TurnedClock } from '../testing-clock.ts';
import { StoreRules } from './store-rules.ts';

const START = '2026-11-21T18:00:00Z';
const DAY_MS = 86_400_000;
const FINE: StoreFinding = { check: 'lifecycle rules', verdict: 'pass', says: 'none' };
const HARM: StoreFinding = {
  check: 'lifecycle rules',
  verdict: 'fail',
  says: 'the rule tidy deletes archive/',
  hint: 'x',
};
const HIDDEN: StoreFinding = { check: 'lifecycle rules', verdict: 'skip', says: 'cannot be read' };

test('the rules are checked when the monitor starts and every day, and harmful ones are logged', async () => {
  const clock = new TurnedClock(START);
  const logged: string[] = [];
  let findings = [FINE];
  const rules = new StoreRules({ inspect: async () => findings, clock, log: (_, message) => logged.push(message) });
  assert.equal(rules.harm, undefined);
  const duty = rules.duty();
  duty.start();
  await settled();
  assert.equal(rules.harm, null);
  findings = [HARM];
  await clock.turn(DAY_MS - 1);
  assert.equal(rules.harm, null);
  await clock.turn(1);
  assert.equal(rules.harm, HARM.says);
  assert.deepEqual(logged, ['the rule tidy deletes archive/: x']);
  findings = [HIDDEN];
  await clock.turn(DAY_MS);
  assert.equal(rules.harm, HARM.says, 'rules that can no longer be read keep their last result');
  findings = [FINE];
  await clock.turn(DAY_MS);
  assert.equal(rules.harm, null);
  await duty.stop();
});

test('several harmful rules are reported together; a rule without a hint is logged without one', async () => {
  const logged: string[] = [];
  const { hint: _, ...plain } = { ...HARM, says: 'the rule sweep deletes views/' };
  const rules = new StoreRules({
    inspect: async () => [HARM, FINE, plain],
    clock: new TurnedClock(START),
    log: (_, message) => logged.push(message),
  });
  await rules.check();
  assert.equal(rules.harm, `${HARM.says}; ${plain.says}`);
  assert.deepEqual(logged, [`${HARM.says}: x`, plain.says]);
});

test('a store without rules has no harmful ones', async () => {
  const rules = new StoreRules({ inspect: undefined, clock: new TurnedClock(START), log: () => assert.fail() });
  await rules.check();
  assert.equal(rules.harm, null);
});

test('a harmful rule added between two starts raises an alert, resolved once the rule is removed', async (t) => {
  class Bucket extends MemoryStore {
    findings = [FINE];
    async inspect() {
      return this.findings;
    }
  }
  const clock = new JumpingClock();
  const store = new Bucket(clock);
  const startWith = async (finding: StoreFinding) => {
    store.findings = [finding];
    const monitor = await openMonitor(t, { objects: store, clock });
    await clock.pass(6_000);
    return monitor;
  };
  await (await startWith(FINE)).stop();
  const harmed = await startWith(HARM);
  const { items } = await harmed.until('/system/alerts', (page) => page.items.length === 1);
  assert.deepEqual([items[0].rule, items[0].severity, items[0].message], ['store_rule', 'CRITICAL', HARM.says]);
  await harmed.stop();
  const fine = await startWith(FINE);
  await fine.until('/system/alerts', (page) => page.items.length === 0);
});
