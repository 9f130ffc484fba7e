/** When an engine without progress is killed: by a clock that the test turns. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { EngineError, EngineLimits } from './engines/engine.ts';
import { Pace, StallWatch } from './stall.ts';
import { StepClock } from './testing-clock.ts';

class Engine {
  readonly clock: StepClock;
  readonly watch: StallWatch;
  stalled: EngineError | undefined;
  readonly #started_ms: number;

  constructor(duration_seconds: number | null, { limits = {}, pace = new Pace(), clock = new StepClock(0) } = {}) {
    this.clock = clock;
    this.#started_ms = clock.monotonic();
    const onStall = (error: EngineError) => {
      this.stalled = error;
    };
    this.watch = new StallWatch({ duration_seconds, limits: limits as EngineLimits, pace, clock, onStall });
  }

  /** Works until this second since its start, or until it is killed. */
  async until(second: number): Promise<this> {
    while (this.stalled === undefined && this.clock.monotonic() < this.#started_ms + second * 1000) {
      await this.clock.step();
    }
    return this;
  }

  /** Steps of this many percent, this many seconds apart. */
  async steps(count: number, percent: number, seconds: number): Promise<this> {
    for (let n = 1; n <= count && this.stalled === undefined; n += 1) {
      await this.until(n * seconds);
      this.watch.step(n * percent);
    }
    return this;
  }

  /** The second since its start at which it is killed, if it reports nothing more. */
  async killedAfter(): Promise<number> {
    const silent_ms = this.clock.monotonic();
    while (this.stalled === undefined) await this.clock.step();
    return (this.clock.monotonic() - silent_ms) / 1000;
  }
}

describe('an engine without progress is killed', () => {
  test('after 2 minutes if its steps come quickly', async () => {
    const engine = await new Engine(60).steps(10, 5, 1);
    const seconds = await engine.killedAfter();
    assert.ok(seconds >= 120 && seconds <= 130, `${seconds}`);
    assert.equal(engine.stalled?.code, 'engine_stalled');
    assert.equal(engine.stalled?.retryable, true);
    assert.match(engine.stalled?.message ?? '', /made no progress for 2 min/);
  });

  test('after 30 minutes of loading its model, which do not count once it begins', async () => {
    const loading = new Engine(60, { limits: { job: { ms: 5_000_000 } } });
    loading.watch.enter('LOADING_MODEL');
    const seconds = await loading.killedAfter();
    assert.ok(seconds >= 1800 && seconds <= 1810, `${seconds}`);

    const loaded = new Engine(60, { limits: { job: { ms: 60_000 } } });
    loaded.watch.enter('LOADING_MODEL');
    await loaded.until(50);
    loaded.watch.enter('TRANSCRIBING');
    const more = await loaded.killedAfter();
    assert.ok(more >= 60 && more <= 66, `${more}`);
  });

  test('but not while it works on other jobs', async () => {
    const engine = new Engine(60, { limits: { stall_ms: 1000, job: { ms: 1000 } } });
    engine.watch.enter('WAITING_FOR_ENGINE');
    await engine.until(100);
    assert.equal(engine.stalled, undefined);
    engine.watch.enter('TRANSCRIBING');
    assert.ok((await engine.killedAfter()) <= 2);
  });

  test('after ten times its longest silence if its steps come slowly', async () => {
    const seconds = await (await new Engine(60).steps(2, 45, 60)).killedAfter();
    assert.ok(seconds >= 600 && seconds <= 610, `${seconds}`);
  });

  test('not before it may have worked through the rest of the recording, in which nobody may speak', async () => {
    // A tenth of an hour took 50 s: the rest takes 450.
    const seconds = await (await new Engine(3600).steps(10, 1, 5)).killedAfter();
    assert.ok(seconds >= 3 * 450 && seconds <= 3 * 450 + 10, `${seconds}`);
  });

  test('after a generous time if nothing is known of its pace', async () => {
    const seconds = await new Engine(60).killedAfter();
    assert.ok(seconds >= 1800 && seconds <= 1810, `${seconds}`);
  });

  test('by the pace of earlier jobs if it reports no progress at all', async () => {
    const pace = new Pace();
    const first = new Engine(600, { pace });
    await first.until(60);
    first.watch.done();
    // 3 × a tenth of 2,000 s.
    const seconds = await new Engine(2000, { pace }).killedAfter();
    assert.ok(seconds >= 600 && seconds <= 610, `${seconds}`);
    const short = await new Engine(10, { pace }).killedAfter();
    assert.ok(short >= 120 && short <= 130, `${short}`);
  });

  test('in its next job not while it loads its model as slowly as before', async () => {
    const pace = new Pace();
    const first = new Engine(60, { pace });
    await first.until(100);
    for (const percent of [50, 100]) first.watch.step(percent);
    first.watch.done();
    const seconds = await new Engine(60, { pace }).killedAfter();
    assert.ok(seconds >= 1000 && seconds <= 1010, `${seconds}`);
  });

  test('of a recording whose length is unknown as if it were an hour', async () => {
    const seconds = await new Engine(null).killedAfter();
    assert.ok(seconds >= 600 + 20 * 3600, `${seconds}`);
  });

  test('after --stall-timeout if that is set, and never if it is off', async () => {
    const seconds = await new Engine(60, { limits: { stall_ms: 30_000 } }).killedAfter();
    assert.ok(seconds >= 30 && seconds <= 40, `${seconds}`);
    const patient = await new Engine(60, { limits: { stall_ms: 'off', job: { ms: 1e9 } } }).until(100_000);
    assert.equal(patient.stalled, undefined);
  });

  test('not for the time in which this process itself did not run', async () => {
    const engine = await new Engine(60).steps(10, 5, 1);
    await engine.until(60);
    engine.clock.leap(3_600_000);
    await engine.until(3_600 + 100);
    assert.equal(engine.stalled, undefined);
    await engine.until(3_600 + 140);
    assert.notEqual(engine.stalled, undefined);
  });
});

describe('an engine that takes longer than --job-timeout is killed', () => {
  test('although it makes progress', async () => {
    for (const job of [{ ms: 300_000 }, { times: 5 }]) {
      const engine = new Engine(60, { limits: { job } });
      await engine.steps(100, 0.1, 10);
      const seconds = engine.clock.monotonic() / 1000;
      assert.ok(seconds > 300 && seconds <= 310, `${seconds}`);
      assert.match(engine.stalled?.message ?? '', /took longer than 5 min/);
    }
  });
});

test('an engine that has ended is not killed', async () => {
  const engine = new Engine(60);
  engine.watch.done();
  const other = new Engine(60, { clock: engine.clock });
  await other.killedAfter();
  assert.equal(engine.stalled, undefined);
});
