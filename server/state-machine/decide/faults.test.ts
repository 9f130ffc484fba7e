/** Whose fault a failed attempt is, and what follows for the job. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { jobDocument } from '../../documents/job.ts';
import { applyEvents } from '../apply/apply.ts';
import { restore, snapshotRows } from '../state/snapshot.ts';
import { Monitor } from '../testing.ts';

describe('the fault of an attempt', () => {
  const faultShown = (code: string, fault?: 'audio' | 'worker' | 'service') => {
    const monitor = new Monitor();
    monitor.fail(monitor.claimed(), { code, retryable: false, ...(fault === undefined ? {} : { fault }) });
    return jobDocument(monitor.job()).retry_info.last_error?.fault;
  };

  test('is what the code means, if the report does not name it', () => {
    assert.equal(faultShown('gpu_unavailable'), 'worker');
    assert.equal(faultShown('disk_full'), 'worker');
    assert.equal(faultShown('engine_stalled'), 'worker');
    assert.equal(faultShown('audio_unreadable'), 'audio');
    assert.equal(faultShown('no_audio_track'), 'audio');
    assert.equal(faultShown('audio_unreachable'), 'service');
  });

  test('is unknown for a crash, and for a code of your own', () => {
    assert.equal(faultShown('engine_crashed'), null);
    assert.equal(faultShown('noise'), null);
  });

  test('is what the report says, whatever the code', () => {
    assert.equal(faultShown('engine_crashed', 'worker'), 'worker');
    assert.equal(faultShown('disk_full', 'service'), 'service');
  });

  test("is the worker's if the GPU is full although the batch size is 1 already", () => {
    const monitor = new Monitor({ retry_base_ms: 0 });
    const full = { code: 'gpu_out_of_memory' };
    monitor.fail(monitor.claimed(), full, 1, 1);
    assert.equal(monitor.job().run?.fault, null);
    monitor.tick();
    monitor.fail(monitor.claim('worker-1')[0]!, full, 1, 1);
    assert.equal(monitor.job().run?.fault, 'worker');
  });

  test('is kept of each attempt, in a snapshot too', () => {
    const monitor = new Monitor({ retry_base_ms: 0 });
    monitor.fail(monitor.claimed(), { code: 'audio_unreachable' });
    monitor.tick();
    monitor.fail(monitor.claim('worker-1')[0]!, { code: 'disk_full' });
    for (const state of [monitor.state, restore(snapshotRows(monitor.state))]) {
      const { run, earlier } = state.job('job-1')!;
      assert.deepEqual(
        [...earlier, run!].map(({ fault }) => fault),
        ['service', 'worker'],
      );
    }
  });

  test('is unknown for an event of an old journal, which has none', () => {
    const monitor = new Monitor();
    monitor.claimed();
    const error = { code: 'disk_full', message: 'full', retryable: true };
    const data = { attempt: 1, error, cost_usd: null };
    applyEvents(monitor.state, [{ id: '~', at: '', actor: '', type: 'JobAttemptFailed', entity: 'job-1', data }]);
    assert.deepEqual([monitor.job().run?.error_code, monitor.job().run?.fault], ['disk_full', null]);
    assert.deepEqual(monitor.job().last_error, error);
  });
});
