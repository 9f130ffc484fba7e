/** When a worker stops claiming, and how it returns: by a clock that the test turns. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Engine, type EngineCapabilities, EngineError } from './engines/engine.ts';
import { SelfCheck } from './self-check.ts';
import { StepClock } from './testing-clock.ts';

const CAPABILITIES: EngineCapabilities = { model: 'tiny', device: 'cuda', gpu_optimized: true, batch_size: 1 };
const GONE = new EngineError('gpu_unavailable', 'no CUDA-capable device is detected', { hint: 'nvidia-smi' });

class Worker {
  readonly clock = new StepClock(0);
  broken: Error | null = null;
  checks = 0;
  changes = 0;
  readonly selfCheck: SelfCheck;

  constructor() {
    this.selfCheck = new SelfCheck({
      engine: {
        prepare: async () => {
          this.checks += 1;
          if (this.broken !== null) throw this.broken;
          return CAPABILITIES;
        },
      },
      clock: this.clock,
      log: () => {},
      onChange: () => {
        this.changes += 1;
      },
    });
  }

  async fails(jobId: string, error: EngineError): Promise<EngineError> {
    const examined = (await this.selfCheck.examine(error)) as EngineError;
    const { code, message, retryable } = examined;
    this.selfCheck.failed(jobId, { code, message, retryable });
    return examined;
  }

  get room(): number {
    return this.selfCheck.room(0, 2);
  }

  /** Waits for the next check, and for what follows from it. Returns the seconds until then. */
  async nextCheck(): Promise<number> {
    const before = this.changes;
    const passed_ms = await this.clock.step();
    while (this.changes === before) await new Promise((resolve) => setImmediate(resolve));
    return passed_ms / 1000;
  }
}

const crash = () => new EngineError('engine_crashed', 'exit code 1');

describe('after a crash', () => {
  test("the attempt is the worker's fault, and it claims nothing, if its self-check fails", async () => {
    const worker = new Worker();
    worker.broken = GONE;
    const { code, message, retryable, hint } = await worker.fails('job-1', crash());
    assert.deepEqual([code, retryable, hint], ['engine_broken', true, 'nvidia-smi']);
    assert.match(message, /exit code 1\nand its self-check fails: no CUDA-capable/);
    assert.equal(worker.room, 0);
    assert.deepEqual(worker.selfCheck.health, {
      status: 'DEGRADED',
      reason: 'its self-check fails: no CUDA-capable device is detected',
    });
  });

  test('it claims on if its self-check passes', async () => {
    const worker = new Worker();
    assert.equal((await worker.fails('job-1', crash())).code, 'engine_crashed');
    assert.deepEqual([worker.checks, worker.room, worker.selfCheck.health], [1, 2, {}]);
  });

  test('of one recording after the other it stops all the same', async () => {
    const worker = new Worker();
    for (const job of ['job-1', 'job-1', 'job-2']) await worker.fails(job, crash());
    assert.equal(worker.room, 2);
    await worker.fails('job-3', crash());
    assert.equal(worker.room, 0);
    assert.match(
      worker.selfCheck.health.reason ?? '',
      /3 failed attempts in a row, the last engine_crashed: exit code 1/,
    );
  });
});

test('faults of the recording or of a service are no reason for a check', async () => {
  const worker = new Worker();
  worker.broken = GONE;
  for (const code of ['audio_unreadable', 'audio_unreachable', 'audio_empty'] as const) {
    await worker.fails(code, new EngineError(code, 'no'));
  }
  assert.deepEqual([worker.checks, worker.room], [0, 2]);
});

test('a completed job ends the row', async () => {
  const worker = new Worker();
  for (let n = 0; n < 4; n += 1) {
    for (const job of [`a-${n}`, `b-${n}`]) await worker.fails(job, crash());
    worker.selfCheck.completed();
  }
  assert.equal(worker.room, 2);
});

describe('a worker that claims nothing', () => {
  test('checks itself after 30 s, 1 min, 2 min, … 10 min, and claims one job once that passes', async () => {
    const worker = new Worker();
    worker.broken = GONE;
    await worker.fails('job-1', crash());
    const pauses: number[] = [];
    for (let n = 0; n < 6; n += 1) pauses.push(await worker.nextCheck());
    assert.deepEqual(pauses, [30, 60, 120, 240, 480, 600]);
    worker.broken = null;
    assert.equal(await worker.nextCheck(), 600);
    assert.deepEqual([worker.selfCheck.room(0, 2), worker.selfCheck.room(1, 2)], [1, 0]);
    assert.deepEqual(worker.selfCheck.health, {});
    worker.selfCheck.completed();
    assert.deepEqual([worker.selfCheck.room(0, 2), worker.selfCheck.room(1, 2)], [2, 1]);
  });

  test('stops again, for longer, if the job on trial fails by its fault, and not if by that of the recording', async () => {
    const worker = new Worker();
    for (const job of ['job-1', 'job-2', 'job-3']) await worker.fails(job, crash());
    assert.equal(await worker.nextCheck(), 30);
    await worker.fails('job-4', new EngineError('audio_unreadable', 'no'));
    assert.equal(worker.room, 1);
    await worker.fails('job-5', crash());
    assert.equal(worker.room, 0);
    assert.equal(await worker.nextCheck(), 60);
  });

  test('checks no more once it stops', async () => {
    const worker = new Worker();
    worker.broken = GONE;
    await worker.fails('job-1', crash());
    worker.selfCheck.stop();
    worker.clock.after(3_600_000, () => {});
    await worker.clock.step();
    assert.equal(worker.checks, 1);
  });
});

/** Of an engine whose check ends only when it is aborted. */
function endlessCheck() {
  const clock = new StepClock(0);
  const prepare: Engine['prepare'] = ({ signal } = {}) =>
    new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason as Error)));
  return { clock, selfCheck: new SelfCheck({ engine: { prepare }, clock, log: () => {}, onChange: () => {} }) };
}

test('a check that is under way when the worker exits decides nothing', async () => {
  const { clock, selfCheck } = endlessCheck();
  const error = crash();
  const examined = selfCheck.examine(error);
  await clock.waiting();
  selfCheck.stop();
  assert.equal(await examined, error);
  assert.deepEqual(selfCheck.health, {});
});

test('a check that never ends fails after ten minutes', async () => {
  const { clock, selfCheck } = endlessCheck();
  const examined = selfCheck.examine(crash());
  assert.equal(await clock.step(), 600_000);
  assert.equal(((await examined) as EngineError).code, 'engine_broken');
  assert.equal(selfCheck.room(0, 1), 0);
});
