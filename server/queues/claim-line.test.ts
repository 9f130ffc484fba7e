/** The line of waiting claims, over a store whose puts are delayed: the order of tries, and that none waits in vain. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { MemoryStore } from '../objects/memory.ts';
import { settled, TurnedClock } from '../testing-clock.ts';
import { TestMonitor, WatchedStore } from '../views/testing-monitor.ts';
import { ClaimLine } from './claim-line.ts';

const WAIT_MS = 20_000;

/** A monitor whose segments wait at a gate, and the claims in its line. */
class World {
  readonly clock: TurnedClock;
  readonly monitor: TestMonitor;
  readonly line: ClaimLine;
  /** Open claims in order of arrival. */
  readonly waiting = new Map<number, { worker_id: string; leave: () => void }>();
  readonly claimed = new Map<string, string>();
  /** How often a claim of each worker was tried. */
  readonly tries = new Map<string, number>();
  readonly order: number[] = [];
  #open: () => void = () => {};
  #gate: Promise<void> | undefined;
  #under_way = 0;
  #claims = 0;

  static async open(t: TestContext): Promise<World> {
    const clock = new TurnedClock('2026-01-05T08:00:00Z');
    const store = new WatchedStore(new MemoryStore(clock));
    const monitor = await TestMonitor.open({ store, clock });
    const world = new World(clock, monitor);
    store.onCall = ({ name, key }, done) => {
      if (done || name !== 'putIfAbsent' || !key.startsWith('journal/')) return undefined;
      return world.#gate;
    };
    t.after(async () => {
      world.line.close();
      world.release();
      await monitor.stop();
    });
    return world;
  }

  private constructor(clock: TurnedClock, monitor: TestMonitor) {
    this.clock = clock;
    this.monitor = monitor;
    this.line = new ClaimLine(monitor.engine, clock);
  }

  get claimable(): number {
    const { high, normal, low } = this.monitor.engine.state.tables.waiting;
    return high.size + normal.size + low.size;
  }

  hold(): void {
    this.#gate ??= new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  release(): void {
    this.#gate = undefined;
    this.#open();
  }

  do(act: Promise<unknown>): void {
    this.#under_way += 1;
    void act.then(
      () => {
        this.#under_way -= 1;
      },
      () => {
        this.#under_way -= 1;
      },
    );
  }

  claim(worker_id: string, wait_ms = WAIT_MS, max_jobs = 1): void {
    const number = ++this.#claims;
    const leaving = new AbortController();
    this.waiting.set(number, { worker_id, leave: () => leaving.abort() });
    const id = `claim-${number}`;
    const claim = () => {
      this.tries.set(worker_id, (this.tries.get(worker_id) ?? 0) + 1);
      const tried = this.monitor.do({ type: 'claim_jobs', worker_id, max_jobs, secret: id }, id);
      this.do(tried);
      return tried;
    };
    void this.line.next({ worker_id, wait_ms, signal: leaving.signal, claim }).then(
      (refs) => {
        this.waiting.delete(number);
        if (refs.length > 0) this.order.push(number);
        for (const [, job_id] of refs) {
          assert.ok(!this.claimed.has(job_id), `${job_id} was handed out twice`);
          this.claimed.set(job_id, worker_id);
        }
      },
      () => this.waiting.delete(number),
    );
  }

  /** Opens the gate until only the passing of time can change anything. */
  async quiet(): Promise<void> {
    this.release();
    for (let calm = 0; calm < 3; calm = this.#under_way > 0 ? 0 : calm + 1) await settled();
  }
}

test('a worker does not wait while there is a job that arrived with a claim that found none', async (t) => {
  const world = await World.open(t);
  for (const worker_id of ['worker-1', 'worker-2']) await world.monitor.register(worker_id);
  await world.monitor.submit('job-1');
  world.hold();
  world.do(world.monitor.do({ type: 'drain_worker', worker_id: 'worker-none' }));
  world.claim('worker-1');
  world.claim('worker-2', 0);
  world.do(world.monitor.submit('job-2'));
  world.claim('worker-2');
  await world.quiet();
  assert.deepEqual([...world.claimed.keys()].sort(), ['job-1', 'job-2']);
  assert.equal(world.waiting.size, 0);
});

test('a claim is tried once more when its wait is over', async (t) => {
  const world = await World.open(t);
  await world.monitor.register('worker-1');
  world.claim('worker-1', 1_000);
  await world.quiet();
  assert.equal(world.waiting.size, 1);
  world.hold();
  world.do(world.monitor.submit('job-1'));
  await settled();
  await world.clock.turn(1_000);
  await world.quiet();
  assert.deepEqual([...world.claimed], [['job-1', 'worker-1']]);
});

test('a job goes past the first in line if that has failed it, and is not offered to it again and again', async (t) => {
  const world = await World.open(t);
  for (const worker_id of ['worker-1', 'worker-2']) await world.monitor.register(worker_id);
  await world.monitor.submit('job-1');
  world.claim('worker-1');
  await world.quiet();
  assert.deepEqual([...world.claimed], [['job-1', 'worker-1']]);
  world.claimed.clear();
  await world.monitor.fail('job-1', true, 'gpu_unavailable');
  world.claim('worker-1');
  await world.quiet();
  assert.equal(world.monitor.engine.state.job('job-1')?.state, 'QUEUED');
  assert.equal(world.tries.get('worker-1'), 1, 'the first claim; the second is not tried');
  world.claim('worker-2');
  await world.quiet();
  assert.deepEqual([...world.claimed], [['job-1', 'worker-2']]);
  await world.monitor.submit('job-2');
  await world.quiet();
  assert.equal(world.claimed.get('job-2'), 'worker-1');
});

test('the first in line is served first, even after a try without success', async (t) => {
  const world = await World.open(t);
  for (let n = 1; n <= 3; n++) await world.monitor.register(`worker-${n}`);
  await world.monitor.submit('job-1');
  world.hold();
  world.do(world.monitor.claim('worker-3'));
  await settled();
  world.claim('worker-1');
  world.claim('worker-2');
  await world.quiet();
  assert.deepEqual(world.order, []);
  await world.monitor.submit('job-2');
  await world.quiet();
  await world.monitor.submit('job-3');
  await world.quiet();
  assert.deepEqual(world.order, [1, 2]);
});

test('after a failed claim, the next in line is tried', async (t) => {
  const world = await World.open(t);
  await world.monitor.register('worker-2');
  world.claim('worker-unknown');
  world.claim('worker-2');
  await world.monitor.submit('job-1');
  await world.quiet();
  assert.deepEqual([...world.claimed], [['job-1', 'worker-2']]);
});

test('a single new job is tried by one claim, however many wait', async (t) => {
  const world = await World.open(t);
  await world.monitor.register('worker-1');
  for (let n = 0; n < 100; n++) world.claim('worker-1');
  const submit = t.mock.method(world.monitor.engine, 'submit');
  await world.monitor.submit('job-1');
  await world.quiet();
  assert.equal(submit.mock.callCount(), 2, 'the submission and one claim');
  assert.deepEqual([world.order, world.waiting.size], [[1], 99]);
});

test('no worker waits while a job is claimable, however claims, jobs and segments interleave', async (t) => {
  for (let seed = 1; seed <= 40; seed++) {
    const world = await World.open(t);
    const float = lcg(seed);
    const pick = (count: number) => Math.floor(float() * count);
    const workers = Array.from({ length: 4 }, (_, n) => `worker-${n}`);
    for (const worker_id of workers) await world.monitor.register(worker_id);
    let jobs = 0;
    for (let step = 0; step < 60; step++) {
      const worker_id = workers[pick(workers.length)]!;
      switch (pick(10)) {
        case 0:
        case 1:
          world.do(world.monitor.submit(`job-${++jobs}`));
          break;
        case 2:
          world.do(world.monitor.submit(`job-${++jobs}`, `job-${++jobs}`));
          break;
        case 3:
        case 4:
          world.claim(worker_id, WAIT_MS, 1 + pick(2));
          break;
        case 5:
          world.claim(worker_id, pick(2) * 1_000);
          break;
        case 6:
          world.hold();
          break;
        case 7:
          world.release();
          break;
        case 8:
          [...world.waiting.values()][pick(world.waiting.size)]?.leave();
          break;
        default:
          await (pick(3) === 0 ? world.clock.turn(400) : settled());
      }
      if (pick(4) > 0) continue;
      await world.quiet();
      assert.ok(
        world.waiting.size === 0 || world.claimable === 0,
        `seed ${seed}, step ${step}: ${world.waiting.size} wait beside ${world.claimable} jobs`,
      );
    }
    await world.quiet();
    await world.clock.turn(WAIT_MS);
    await world.quiet();
    assert.equal(world.waiting.size, 0, `seed ${seed}: every claim is resolved in time`);
  }
});

/** Numbers in [0, 1) determined by a seed. */
function lcg(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
