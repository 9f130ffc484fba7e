/** The documents' layout after real commands: each of its keys, and the contents. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parseTime } from '../../protocol/time.ts';
import { systemClock } from '../clock.ts';
import { alertDocument } from '../documents/alerts.ts';
import { jobDocument, progressDocument, timelineDocument, workerJobDocument } from '../documents/job.ts';
import { deadLetterQueueDocument, mainQueueDocument } from '../documents/queues.ts';
import { healthDocument } from '../documents/system.ts';
import { heartbeatDocument, workerDocument, workerVersion } from '../documents/worker.ts';
import { DirectoryStore } from '../objects/directory.ts';
import { MemoryStore } from '../objects/memory.ts';
import type { ObjectStore } from '../objects/store.ts';
import { TurnedClock } from '../testing-clock.ts';
import { TestMonitor, textAt, viewsIn } from './testing-monitor.ts';

type Stage = { store: ObjectStore; monitor: TestMonitor; wait(by_ms: number): Promise<void>; close(): Promise<void> };

/** A clock that the test advances, at the documents' own date. */
async function inMemory(): Promise<Stage> {
  const clock = new TurnedClock('2025-07-07T19:30:00Z');
  const store = new MemoryStore(clock);
  const monitor = await TestMonitor.open({ store, clock });
  return { store, monitor, wait: (by_ms) => clock.turn(by_ms), close: () => monitor.stop() };
}

/** The real clock, because a directory uses the system's time. */
async function inDirectory(): Promise<Stage> {
  const root = await mkdtemp(join(tmpdir(), 'tmon-views-'));
  const store = await DirectoryStore.open(root, { lock: true });
  const monitor = await TestMonitor.open({ store, clock: systemClock });
  return {
    store,
    monitor,
    // The commands themselves take their time; soft ones are written with the next command.
    wait: async () => {},
    async close() {
      await monitor.stop();
      await store.close();
      await rm(root, { recursive: true });
    },
  };
}

for (const [name, open] of [
  ['memory', inMemory],
  ['directory', inDirectory],
] as const) {
  describe(`the layout in a ${name} store`, () => {
    let stage: Stage;
    let keys: string[] = [];
    const read = async (key: string) => JSON.parse(await textAt(stage.store, key)) as Record<string, unknown>;
    const flushed = async () => {
      await stage.monitor.publisher.flush();
      keys = [...(await viewsIn(stage.store)).keys()];
    };
    const under = (prefix: string) => keys.filter((key) => key.startsWith(prefix));
    const state = () => stage.monitor.engine.state;
    /** Its last change may not affect this view, which then is as of an earlier segment. */
    const shown = ({ as_of_seq, ...document }: Record<string, unknown>) => document;
    const plain = (document: object) => JSON.parse(JSON.stringify(document)) as Record<string, unknown>;

    before(async () => {
      stage = await open();
      const { monitor } = stage;
      await monitor.register('worker-123');
      await monitor.register('worker-456');
      await monitor.submit('job-abc123', 'job-def456', 'job-ghi789', 'job-jkl012', 'job-mno345', 'job-pqr678');
      await stage.wait(120_000);
      await monitor.claim('worker-123', 4);
      await stage.wait(60_000);
      monitor.progress('job-abc123', 45);
      await stage.wait(60_000);
      await monitor.complete('job-def456');
      await monitor.fail('job-ghi789');
      await monitor.do({ type: 'cancel_job', job_id: 'job-jkl012' });
      await monitor.fail('job-jkl012');
      await monitor.claim('worker-456', 1);
      await monitor.tick('alert-001', 'alert-002');
      await flushed();
    });

    after(() => stage.close());

    test('[A15] an active job has state.json, the whole job', async () => {
      assert.deepEqual(
        await read('jobs/active/job-abc123/state.json'),
        plain(jobDocument(stage.monitor.job('job-abc123'))),
      );
    });

    test('[A16] an active job has progress.json', async () => {
      const progress = await read('jobs/active/job-abc123/progress.json');
      assert.deepEqual(progress, plain(progressDocument(stage.monitor.job('job-abc123'))));
      if (name === 'memory') assert.equal(progress.percentage, 45);
    });

    test('[A17] an active job has worker.json: its worker and attempt', async () => {
      const { worker, attempt } = (await read('jobs/active/job-abc123/worker.json')) as never as {
        worker: { worker_id: string; instance_id: string };
        attempt: number;
      };
      assert.deepEqual([worker.worker_id, worker.instance_id, attempt], ['worker-123', 'i-worker-123', 1]);
      assert.equal((await read('jobs/active/job-pqr678/worker.json')).worker, null);
    });

    test('[A18] an active job has timeline.json: every state it has been in', async () => {
      const timeline = await read('jobs/active/job-abc123/timeline.json');
      assert.deepEqual(shown(timeline), shown(plain(timelineDocument(stage.monitor.job('job-abc123')))));
      assert.deepEqual(
        (timeline.state_history as { state: string }[]).map((entry) => entry.state),
        ['SUBMITTED', 'QUEUED', 'PROCESSING'],
      );
    });

    test('[A79] a job is in the folder of its status, and in no other', () => {
      assert.deepEqual(under('jobs/active/job-abc123/').length, 4);
      assert.deepEqual(under('jobs/active/job-def456/'), []);
      assert.deepEqual(under('jobs/active/job-ghi789/'), []);
      assert.deepEqual(under('jobs/failed/job-'), ['jobs/failed/job-ghi789/state.json']);
    });

    test('[A19] [A78] a completed job is under the UTC hour of its completion', async () => {
      const [key] = under('jobs/completed/');
      assert.match(key!, /^jobs\/completed\/\d{4}\/\d\d\/\d\d\/hour=\d\d\/job-def456\.json$/);
      if (name === 'memory') assert.equal(key, 'jobs/completed/2025/07/07/hour=19/job-def456.json');
      const job = await read(key!);
      assert.equal(key, expectedEnd('completed', job));
      assert.deepEqual(job, plain(jobDocument(stage.monitor.job('job-def456'))));
    });

    test('[A20] a failed job is under the hour of its failure, and under its id while it is a dead letter', async () => {
      const [key] = under('jobs/failed/2');
      const job = await read(key!);
      assert.equal(job.state, 'FAILED');
      assert.equal(key, expectedEnd('failed', job));
      assert.deepEqual(await read('jobs/failed/job-ghi789/state.json'), job);
    });

    test('[A20] a cancelled job is under the hour of its cancellation', async () => {
      const [key] = under('jobs/cancelled/');
      const job = await read(key!);
      assert.equal(job.job_id, 'job-jkl012');
      assert.equal(key, expectedEnd('cancelled', job));
    });

    test('[A10] a live worker has status.json, the whole worker', async () => {
      const worker = state().worker('worker-123')!;
      assert.deepEqual(
        await read('workers/active/worker-123/status.json'),
        plain({ ...workerDocument(state(), worker), as_of_seq: workerVersion(state(), worker) }),
      );
    });

    test('[A11] a live worker has heartbeat.json', async () => {
      const worker = state().worker('worker-123')!;
      const heartbeat = await read('workers/active/worker-123/heartbeat.json');
      assert.deepEqual(shown(heartbeat), shown(plain(heartbeatDocument(worker))));
    });

    test('[A12] [A80] a live worker has jobs/current.json: its current job', async () => {
      const current = await read('workers/active/worker-123/jobs/current.json');
      assert.equal((current.current_job as { job_id: string }).job_id, 'job-abc123');
      assert.deepEqual(current.job_ids, ['job-abc123']);
    });

    test('[A13] [A80] every job that a worker was handed is in its history', async () => {
      assert.deepEqual(
        under('workers/active/worker-123/jobs/history/'),
        ['job-abc123', 'job-def456', 'job-ghi789', 'job-jkl012'].map(
          (id) => `workers/active/worker-123/jobs/history/${id}.json`,
        ),
      );
      assert.deepEqual(
        await read('workers/active/worker-123/jobs/history/job-def456.json'),
        plain(workerJobDocument(stage.monitor.job('job-def456'), 'worker-123')),
      );
    });

    test('[A21] queues/main-queue.json', async () => {
      assert.deepEqual(await read('queues/main-queue.json'), plain(mainQueueDocument(state())));
      assert.equal((await read('queues/main-queue.json')).messages_visible, 1);
    });

    test('[A22] queues/dead-letter-queue.json', async () => {
      assert.deepEqual(await read('queues/dead-letter-queue.json'), plain(deadLetterQueueDocument(state())));
      assert.equal((await read('queues/dead-letter-queue.json')).messages_visible, 1);
    });

    test('[A23] an active alert is in alerts/active', async () => {
      assert.deepEqual(under('alerts/'), ['alerts/active/alert-001.json']);
      const alert = state().tables.alerts.get('alert-001')!;
      assert.deepEqual(await read('alerts/active/alert-001.json'), plain(alertDocument(alert)));
    });

    test('[A7] system/health.json', async () => {
      assert.deepEqual(await read('system/health.json'), plain(healthDocument(state())));
    });

    test('[A4] the system, each worker and each job have their own places', () => {
      for (const place of ['system/', 'workers/active/worker-456/', 'jobs/active/job-abc123/']) {
        assert.ok(under(place).length > 0, place);
      }
    });

    test('[A5] [A8] the hour so far is in system/metrics/YYYY/MM/DD/hourly', async () => {
      const [key, ...more] = under('system/metrics/2');
      assert.match(key!, /^system\/metrics\/\d{4}\/\d\d\/\d\d\/hourly\/\d\d\.json$/);
      if (name === 'memory') assert.deepEqual([key, ...more], ['system/metrics/2025/07/07/hourly/19.json']);
      const hour = await read(key!);
      assert.equal(
        key,
        `system/metrics/${slashes(hour.period_start)}/hourly/${String(hour.period_start).slice(11, 13)}.json`,
      );
    });

    test('[A5] [A9] the day so far is in system/metrics/daily', async () => {
      const [key] = under('system/metrics/daily/');
      const day = await read(key!);
      assert.equal(key, `system/metrics/daily/${String(day.period_start).slice(0, 10)}.json`);
      assert.equal(day.jobs_completed, 1);
    });

    test('[A25] the ids in the documents are valid ids', () => {
      for (const part of ['worker-123', 'worker-456', 'job-abc123', 'job-def456', 'alert-001']) {
        assert.ok(
          keys.some((key) => key.includes(part)),
          part,
        );
      }
    });

    test('every view has the segment that it reflects, and none is ahead of the journal', async () => {
      for (const key of keys) {
        const { as_of_seq } = await read(key);
        assert.ok(Number.isInteger(as_of_seq) && (as_of_seq as number) <= state().seq, `${key}: ${as_of_seq}`);
      }
    });

    describe('later', () => {
      before(async () => {
        const { monitor } = stage;
        await monitor.do({ type: 'redrive', filter: {} });
        await monitor.do({ type: 'retry_job', job_id: 'job-jkl012' });
        await monitor.terminate('worker-123');
        await monitor.tick();
        await flushed();
      });

      test('[A79] a redriven job leaves both its keys in jobs/failed, and is active again', () => {
        assert.deepEqual(under('jobs/failed/'), []);
        assert.equal(under('jobs/active/job-ghi789/').length, 4);
      });

      test('a cancelled job that is retried leaves jobs/cancelled', () => {
        assert.deepEqual(under('jobs/cancelled/'), []);
        assert.equal(under('jobs/active/job-jkl012/').length, 4);
      });

      test('[A14] a terminated worker has its final state under its day, and besides only its history', async () => {
        const [key, ...more] = under('workers/terminated/');
        assert.deepEqual(more, []);
        if (name === 'memory') assert.equal(key, 'workers/terminated/worker-123-20250707.json');
        const worker = await read(key!);
        assert.deepEqual([worker.worker_id, worker.state], ['worker-123', 'TERMINATED']);
        assert.deepEqual(
          under('workers/active/worker-123/').filter((other) => !other.includes('/jobs/history/')),
          [],
        );
        assert.equal(under('workers/active/worker-123/jobs/history/').length, 4);
      });

      test('[A24] a resolved alert moves to alerts/resolved, by the day it was resolved', async () => {
        const [key, ...more] = under('alerts/');
        assert.deepEqual(more, []);
        const alert = await read(key!);
        assert.equal(key, `alerts/resolved/${slashes(alert.resolved_at)}/alert-001.json`);
      });

      test('a worker that comes back no longer has a final state', async () => {
        await stage.monitor.register('worker-123');
        await flushed();
        assert.deepEqual(under('workers/terminated/'), []);
        assert.deepEqual(
          under('workers/active/worker-123/').filter((other) => !other.includes('/jobs/history/')),
          ['heartbeat.json', 'jobs/current.json', 'status.json'].map((end) => `workers/active/worker-123/${end}`),
        );
      });
    });
  });
}

test('[A85] [A86] [A87] [A88] [A89] [A90] once an hour is over its sums are under metrics/hourly as well', async () => {
  const { store, monitor, wait, close } = await inMemory();
  await monitor.register('worker-123', 3.6);
  await monitor.submit('job-1', 'job-2');
  await monitor.claim('worker-123', 2);
  await wait(600_000);
  await monitor.complete('job-1');
  await monitor.fail('job-2');
  await monitor.publisher.flush();
  assert.ok(!(await viewsIn(store)).has('metrics/hourly/2025/07/07/19.json'));
  await wait(3_600_000);
  monitor.beat('worker-123');
  await wait(100);
  await monitor.publisher.flush();
  const text = await textAt(store, 'metrics/hourly/2025/07/07/19.json');
  assert.equal(text, await textAt(store, 'system/metrics/2025/07/07/hourly/19.json'));
  const { jobs_completed, average_processing_time, cost_total, success_rate } = JSON.parse(text);
  // 600 s of an instance at 3.6 USD an hour cost 0.6 USD: the duration of two attempts.
  assert.deepEqual([jobs_completed, average_processing_time, cost_total, success_rate], [1, 600, 1.2, 0.5]);
  await close();
});

const slashes = (time: unknown): string => String(time).slice(0, 10).replaceAll('-', '/');

function expectedEnd(folder: string, job: Record<string, unknown>): string {
  const at = new Date(parseTime(String(job.completed_at))).toISOString();
  return `jobs/${folder}/${slashes(at)}/hour=${at.slice(11, 13)}/${job.job_id}.json`;
}
