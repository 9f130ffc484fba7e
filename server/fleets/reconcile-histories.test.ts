/**
 * Random histories of launches, ends and silence beside listings that are stale, empty, partial, repeated or fail.
 * Rules that are broken on purpose are caught.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MINUTE_MS } from '../../protocol/time.ts';
import { Chance } from '../../test/simulation/chance.ts';
import { Monitor } from '../state-machine/testing.ts';
import type { Instance } from './fleet.ts';
import { commandFor, type Difference, type Judged, judge, type Look, type Suspicions } from './reconcile.ts';
import { compared, GRACE_MS, HERE, running } from './testing-reconcile.ts';

type Rule = (earlier: Suspicions, found: Difference[], look: Look) => Judged;
const RULE: Rule = (earlier, found, look) => judge(earlier, found, look, GRACE_MS);
const NO_GRACE: Rule = (earlier, found, look) => judge(earlier, found, look, 0);
const ONE_LOOK: Rule = (_, found, { began_ms }) => ({
  suspicions: new Map(),
  confirmed: found.filter(({ since_ms }) => began_ms >= since_ms + GRACE_MS),
  unconfirmed: [],
});

/** Together less than the grace time. */
const STALE_MS_MAX = 0.3 * GRACE_MS;
const WRONG_MS_MAX = 0.6 * GRACE_MS;

type Machine = { worker_id: string | null; from_ms: number; until_ms: number; silent_until_ms: number };

/** One history. `rule` decides what is believed; nothing else terminates a worker, however silent. */
class History {
  readonly monitor = new Monitor({ worker_terminated_ms: 1e12, worker_start_ms: 1e12 });
  readonly machines = new Map<string, Machine>();
  readonly #chance: Chance;
  readonly #rule: Rule;
  #suspicions: Suspicions = new Map();
  #wrong_since_ms: number | null = null;
  #last: Instance[] = [];
  #count = 0;

  constructor(seed: number, rule: Rule) {
    this.#chance = new Chance(seed);
    this.#rule = rule;
    for (const [worker_id, instance_id, region] of [
      ['worker-vm', 'vm-1', 'us-east-1'],
      ['worker-far', 'i-far', 'eu-west-1'],
    ] as const) {
      const registration = { instance_id, capabilities: {}, location: { region } };
      this.monitor.run({ type: 'register_worker', worker_id, registration });
    }
  }

  run(): void {
    const chance = this.#chance;
    for (let step = 0; step < 80; step++) {
      this.monitor.later(chance.whole(5_000, 60_000));
      this.monitor.tick();
      if (chance.happens(0.25)) this.#launch();
      if (chance.happens(0.05)) this.#start(null);
      for (const [instance_id, machine] of this.#alive()) this.#live(instance_id, machine);
      if (chance.happens(0.8)) this.#look(this.#listing());
    }
    // From now on every listing is right.
    for (let step = 0; step < 25; step++) {
      this.monitor.later(MINUTE_MS);
      this.#look(this.#truth(this.monitor.at_ms));
    }
    assert.deepEqual(compared(this.monitor, this.#truth(this.monitor.at_ms)), [], 'they agree at the end');
  }

  #alive() {
    const { at_ms } = this.monitor;
    return [...this.machines].filter(([, { from_ms, until_ms }]) => from_ms <= at_ms && at_ms < until_ms);
  }

  #launch(): void {
    this.#count += 1;
    const worker_id = `worker-${this.#count}`;
    this.monitor.run({ type: 'launch_worker', worker_id, launch: {} });
    // The response may be lost with the monitor's process.
    const placed = this.#chance.happens(0.9);
    const instance_id = this.#start(worker_id);
    if (placed) this.monitor.run({ type: 'place_worker', worker_id, instance_id, location: HERE });
  }

  #start(worker_id: string | null): string {
    const instance_id = `i-${this.machines.size}`;
    const { at_ms } = this.monitor;
    this.machines.set(instance_id, { worker_id, from_ms: at_ms, until_ms: 1e15, silent_until_ms: at_ms });
    return instance_id;
  }

  /** A worker registers, sends heartbeats, is silent for long, or ends with its machine. */
  #live(instance_id: string, machine: Machine): void {
    const chance = this.#chance;
    const { at_ms } = this.monitor;
    const worker_id = machine.worker_id ?? `worker-${instance_id}`;
    if (chance.happens(0.03)) machine.until_ms = at_ms;
    else if (chance.happens(0.02)) {
      machine.until_ms = at_ms;
      this.monitor.run({ type: 'terminate_worker', worker_id, reason: 'requested' });
    } else if (chance.happens(0.05)) machine.silent_until_ms = at_ms + chance.whole(1, 40) * MINUTE_MS;
    if (at_ms < machine.silent_until_ms || at_ms >= machine.until_ms) return;
    const known = this.monitor.state.worker(worker_id);
    if (known?.state === 'TERMINATED') return;
    if (known?.heartbeat_ms != null) this.monitor.beat(worker_id);
    else if (machine.worker_id !== null && chance.happens(0.3)) this.#register(worker_id, instance_id);
  }

  #register(worker_id: string, instance_id: string): void {
    const registration = { instance_id, capabilities: {}, location: HERE };
    this.monitor.run({ type: 'register_worker', worker_id, registration });
  }

  #truth(at_ms: number): Instance[] {
    return [...this.machines].flatMap(([instance_id, { worker_id, from_ms, until_ms }]) => {
      // An instance that has ended is listed for some time.
      if (at_ms < from_ms || at_ms > until_ms + 10 * MINUTE_MS) return [];
      const state = at_ms < until_ms ? 'running' : 'ended';
      return [running(instance_id, { worker_id, state, launched_ms: from_ms })];
    });
  }

  /** null: it failed. */
  #listing(): Instance[] | null {
    const { at_ms } = this.monitor;
    const chance = this.#chance;
    const stale = this.#truth(at_ms - chance.whole(0, STALE_MS_MAX));
    const mayBeWrong = this.#wrong_since_ms === null || at_ms - this.#wrong_since_ms < WRONG_MS_MAX;
    const kind = chance.pick(['stale', 'stale', 'right', 'failed', 'empty', 'partial', 'repeated']);
    if (kind === 'failed') return null;
    if (kind === 'right' || kind === 'stale' || !mayBeWrong) {
      this.#wrong_since_ms = null;
      this.#last = kind === 'right' ? this.#truth(at_ms) : stale;
      return this.#last;
    }
    this.#wrong_since_ms ??= at_ms;
    if (kind === 'repeated') return this.#last;
    return kind === 'empty' ? [] : stale.filter(() => chance.happens(0.6));
  }

  #look(instances: Instance[] | null): void {
    if (instances === null) return;
    const { at_ms } = this.monitor;
    const look = { began_ms: at_ms, ended_ms: at_ms };
    const judged = this.#rule(this.#suspicions, compared(this.monitor, instances), look);
    this.#suspicions = judged.suspicions;
    for (const difference of judged.confirmed) this.#settle(difference);
  }

  #settle(difference: Difference): void {
    const { events } = this.monitor.run(commandFor(difference, { by: 'test' }));
    for (const { type, entity } of events) {
      if (type !== 'WorkerTerminated') continue;
      const alive = this.#alive().some(
        ([instance_id, { worker_id }]) => instance_id === difference.instance_id || worker_id === entity,
      );
      assert.ok(!alive && /^i-\d/.test(difference.instance_id), `${entity} was terminated, but lives`);
    }
  }
}

const HISTORIES = 300;

test('[A55] in any history no worker is terminated whose instance lives, and right listings end in agreement', () => {
  let terminated = 0;
  let created = 0;
  for (let seed = 1; seed <= HISTORIES; seed++) {
    const counting: Rule = (...look) => {
      const judged = RULE(...look);
      for (const { kind } of judged.confirmed) kind === 'orphaned' ? terminated++ : created++;
      return judged;
    };
    try {
      new History(seed, counting).run();
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
    }
  }
  assert.ok(terminated > HISTORIES && created > HISTORIES / 2, `${terminated} terminated, ${created} created`);
});

for (const [name, rule] of [
  ['without a grace time', NO_GRACE],
  ['with one listing', ONE_LOOK],
] as const) {
  test(`${name}, a worker whose instance lives is terminated: the histories notice`, () => {
    const caught = Array.from({ length: 30 }, (_, seed) => {
      try {
        new History(seed + 1, rule).run();
        return false;
      } catch (error) {
        return /but lives/.test((error as Error).message);
      }
    });
    assert.ok(caught.filter(Boolean).length >= 3, `${caught.filter(Boolean).length} of 30`);
  });
}
