/** Random histories of a process that ends when it likes, and of jobs that are submitted and aborted at any time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomOf } from '../../../test/random.ts';
import { type Effect, type JobId, Lifecycle, type LifecycleEvent, type Settlement } from './lifecycle.ts';

const HISTORIES = 4_000;
const STEPS = 60;

/** The process as the lifecycle has made it, and what became of each job. */
class World {
  readonly lifecycle: Lifecycle;
  process: 'none' | 'starting' | 'ready' = 'none';
  stdin_open = false;
  parallel = 1;
  readonly running = new Set<JobId>();
  readonly cancelled = new Set<JobId>();
  readonly submitted: JobId[] = [];
  readonly aborted = new Set<JobId>();
  readonly settled = new Map<JobId, Settlement>();
  readonly crashes = new Map<JobId, number>();

  constructor(jobs_per_process?: number) {
    this.lifecycle = new Lifecycle({ jobs_per_process });
  }

  handle(event: LifecycleEvent): void {
    for (const effect of this.lifecycle.handle(event)) this.#do(effect);
  }

  /** The jobs whose end is not known. */
  get open(): JobId[] {
    return this.submitted.filter((job) => !this.settled.has(job));
  }

  exit({ crash }: { crash: boolean }): void {
    if (crash && this.process === 'ready') {
      for (const job of this.running) this.crashes.set(job, (this.crashes.get(job) ?? 0) + 1);
      this.alone = this.running.size === 1;
    }
    this.process = 'none';
    this.running.clear();
    this.cancelled.clear();
    this.handle({ type: 'exited' });
  }

  killed = false;
  alone = false;

  #do(effect: Effect): void {
    switch (effect.do) {
      case 'start':
        assert.equal(this.process, 'none', 'one process at a time');
        this.process = 'starting';
        this.stdin_open = true;
        this.killed = false;
        return;
      case 'send':
        assert.equal(this.process, 'ready', 'only a loaded model gets jobs');
        assert.ok(this.stdin_open && !this.killed);
        assert.ok(!this.settled.has(effect.job));
        this.running.add(effect.job);
        assert.ok(this.running.size <= this.parallel, 'no more at once than the engine can');
        return;
      case 'cancel':
        assert.ok(this.running.has(effect.job));
        this.cancelled.add(effect.job);
        return;
      case 'end':
        assert.equal(this.running.size, 0, 'no job is cut off by an end');
        this.stdin_open = false;
        return;
      case 'kill':
        assert.notEqual(this.process, 'none');
        this.killed = true;
        return;
      case 'settle':
        assert.ok(!this.settled.has(effect.job), 'a job ends once');
        if (effect.by === 'crash') assert.ok(this.alone, 'a crash is blamed on a job that ran alone');
        if (effect.by === 'abort') assert.ok(this.aborted.has(effect.job));
        this.settled.set(effect.job, effect.by);
    }
  }
}

test('in any history a job ends once, and a crash is blamed only on a job that ran alone', () => {
  for (let seed = 1; seed <= HISTORIES; seed += 1) {
    const random = randomOf(seed);
    const upTo = (count: number) => Math.floor(random() * count);
    const one = <T>(values: readonly T[]): T | undefined => values[upTo(values.length)];
    const world = new World(one([undefined, undefined, 1, 3]));
    world.parallel = 1 + upTo(3);
    const acts: (() => void)[] = [
      () => {
        const job = String(world.submitted.length);
        world.submitted.push(job);
        world.handle({ type: 'submitted', job });
      },
      () => {
        const job = one(world.open.filter((id) => !world.aborted.has(id)));
        if (job === undefined) return;
        world.aborted.add(job);
        world.handle({ type: 'aborted', job, hangs: random() < 0.3 });
      },
      () => {
        if (world.process !== 'starting' || world.killed) return;
        world.process = 'ready';
        world.handle({ type: 'ready', parallel: world.parallel });
      },
      () => {
        const job = one([...world.running]);
        if (job === undefined || world.killed) return;
        world.running.delete(job);
        world.handle({ type: 'answered', job });
      },
      () => {
        const job = one([...world.cancelled]);
        if (job !== undefined) world.handle({ type: 'grace_over', job });
      },
      () => {
        if (world.process !== 'none') world.exit({ crash: !world.killed });
      },
      () => world.handle({ type: one(['wanted', 'retire', 'idle', 'broken', 'closed'] as const)! }),
    ];
    for (let step = 0; step < STEPS; step += 1) one(acts)!();

    // Everything then goes well: what is open ends.
    for (let step = 0; world.open.length > 0; step += 1) {
      assert.ok(step < 1_000, `seed ${seed}: ${world.open} never end`);
      if (world.killed || !world.stdin_open) {
        if (world.process !== 'none') world.exit({ crash: false });
      } else if (world.process === 'starting') {
        world.process = 'ready';
        world.handle({ type: 'ready', parallel: world.parallel });
      } else if (world.running.size > 0) {
        const [job] = world.running;
        world.running.delete(job!);
        world.handle({ type: 'answered', job: job! });
      } else assert.fail(`seed ${seed}: nothing runs, and ${world.open} wait`);
    }
  }
});

/** A lifecycle with a loaded process that has been sent the jobs `a` and `b`. */
function withTwo(): Lifecycle {
  const lifecycle = new Lifecycle();
  lifecycle.handle({ type: 'submitted', job: 'a' });
  lifecycle.handle({ type: 'submitted', job: 'b' });
  assert.deepEqual(lifecycle.handle({ type: 'ready', parallel: 2 }), [
    { do: 'send', job: 'a' },
    { do: 'send', job: 'b' },
  ]);
  return lifecycle;
}

test('jobs that ran together when their process crashed run once more, one after the other', () => {
  const lifecycle = withTwo();
  assert.deepEqual(lifecycle.handle({ type: 'exited' }), [{ do: 'start' }]);
  lifecycle.handle({ type: 'submitted', job: 'c' });
  assert.deepEqual(lifecycle.handle({ type: 'ready', parallel: 2 }), [{ do: 'send', job: 'a' }]);
  assert.deepEqual(lifecycle.handle({ type: 'exited' }), [{ do: 'settle', job: 'a', by: 'crash' }, { do: 'start' }]);
  assert.deepEqual(lifecycle.handle({ type: 'ready', parallel: 2 }), [{ do: 'send', job: 'b' }]);
  assert.deepEqual(lifecycle.handle({ type: 'answered', job: 'b' }), [
    { do: 'settle', job: 'b', by: 'answer' },
    { do: 'send', job: 'c' },
  ]);
});

test('a cancelled job that does not stop costs its process, and the job beside it runs again', () => {
  const lifecycle = withTwo();
  assert.deepEqual(lifecycle.handle({ type: 'aborted', job: 'a', hangs: false }), [{ do: 'cancel', job: 'a' }]);
  assert.deepEqual(lifecycle.handle({ type: 'grace_over', job: 'a' }), [{ do: 'kill' }]);
  assert.deepEqual(lifecycle.handle({ type: 'exited' }), [{ do: 'settle', job: 'a', by: 'abort' }, { do: 'start' }]);
  assert.deepEqual(lifecycle.handle({ type: 'ready', parallel: 2 }), [{ do: 'send', job: 'b' }]);
});

test('a cancelled job that stops in time leaves the model loaded', () => {
  const lifecycle = withTwo();
  lifecycle.handle({ type: 'aborted', job: 'a', hangs: false });
  assert.deepEqual(lifecycle.handle({ type: 'answered', job: 'a' }), [{ do: 'settle', job: 'a', by: 'abort' }]);
  assert.deepEqual(lifecycle.handle({ type: 'grace_over', job: 'a' }), []);
  assert.equal(lifecycle.phase, 'ready');
});

test('a job that hangs costs its process at once, also while the model is loaded', () => {
  assert.deepEqual(withTwo().handle({ type: 'aborted', job: 'a', hangs: true }), [{ do: 'kill' }]);
  const lifecycle = new Lifecycle();
  lifecycle.handle({ type: 'submitted', job: 'a' });
  lifecycle.handle({ type: 'submitted', job: 'b' });
  assert.deepEqual(lifecycle.handle({ type: 'aborted', job: 'a', hangs: true }), [
    { do: 'settle', job: 'a', by: 'abort' },
    { do: 'kill' },
  ]);
  assert.deepEqual(lifecycle.handle({ type: 'exited' }), [{ do: 'start' }], 'for b');
});

test('a process that has done its jobs ends after the last of them, and the next job starts another', () => {
  const lifecycle = new Lifecycle({ jobs_per_process: 1 });
  lifecycle.handle({ type: 'submitted', job: 'a' });
  lifecycle.handle({ type: 'submitted', job: 'b' });
  assert.deepEqual(lifecycle.handle({ type: 'ready', parallel: 2 }), [{ do: 'send', job: 'a' }]);
  assert.deepEqual(lifecycle.handle({ type: 'answered', job: 'a' }), [
    { do: 'settle', job: 'a', by: 'answer' },
    { do: 'end' },
  ]);
  assert.deepEqual(lifecycle.handle({ type: 'exited' }), [{ do: 'start' }]);
  assert.deepEqual(lifecycle.handle({ type: 'ready', parallel: 2 }), [{ do: 'send', job: 'b' }]);
});
