/** The rows of a list, against a real monitor. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { openMonitor } from '../../../../test/servers/monitor.ts';
import { complete, hold, submit } from '../../../../test/servers/steps.ts';
import { Live } from '../../live/live.ts';
import { JobList, type ListState } from './job-list.ts';

const monitor = await openMonitor({ after });

async function open(t: { after: (run: () => void) => void }, query: object) {
  const live = new Live(monitor.url, { nextFrame: (run) => void setImmediate(run) });
  live.start();
  const list = new JobList(live, query);
  const when = (holds: (state: ListState) => boolean): Promise<ListState> =>
    new Promise((resolve) => {
      const look = () => {
        if (!holds(list.state.get())) return;
        end();
        resolve(list.state.get());
      };
      const end = list.state.subscribe(look);
      queueMicrotask(look);
    });
  await new Promise<void>((resolve) => {
    const end = live.active.subscribeAll(() => resolve());
    const other = live.connection.subscribe(() => live.connection.get().state === 'live' && resolve());
    t.after(() => {
      end();
      other();
    });
  });
  list.start();
  t.after(() => {
    list.stop();
    live.stop();
  });
  await when(({ opening }) => !opening);
  return { live, list, when };
}

test('a job that begins to match appears, one that no longer matches goes', async (t) => {
  const first = await submit(monitor, { tags: ['come'] });
  const { when } = await open(t, { tag: 'come', state: 'QUEUED' });
  await when(({ ids }) => ids.join() === first.job_id);
  const second = await submit(monitor, { tags: ['come'] });
  await submit(monitor, { tags: ['other'] });
  await when(({ ids }) => ids.join() === [second.job_id, first.job_id].join());
  await monitor.call('DELETE', `/api/v1/jobs/${first.job_id}`);
  await when(({ ids }) => ids.join() === second.job_id);
});

test('while the list is held, rows keep their place and new ones wait', async (t) => {
  const held = await hold(monitor, { tags: ['held'] }, 'worker-list');
  const { list, when } = await open(t, { tag: 'held', state: 'PROCESSING' });
  await when(({ ids }) => ids.length === 1);
  list.hold(true);
  await complete(monitor, held);
  const next = await hold(monitor, { tags: ['held'] }, 'worker-list');
  const { ids } = await when(({ waiting }) => waiting === 1);
  assert.deepEqual(ids, [held.id]);
  list.hold(false);
  await when((state) => state.ids.join() === next.id && state.waiting === 0);
});

test('pages follow each other as one scrolls; those far from the view are forgotten and come back', async (t) => {
  const jobs = Array.from({ length: 1000 }, (_, n) => ({ audio_url: `s3://audio/${n}.mp3`, tags: ['many'] }));
  for (let n = 0; n < 2; n++) await monitor.post('/jobs/batch', { jobs });
  const { live, list, when } = await open(t, { tag: 'many' });
  for (let size = 400; size <= 2000; size += 200) {
    list.more();
    await when(({ ids, loading }) => ids.length === size && !loading);
  }
  list.more();
  const { ids } = await when(({ complete }) => complete);
  assert.deepEqual([ids.length, new Set(ids).size], [2000, 2000]);
  list.see(ids[1990]!, ids[1999]!);
  assert.equal(live.jobs.get(ids[0]!), undefined);
  assert.notEqual(live.jobs.get(ids[1990]!), undefined);
  list.see(ids[0]!, ids[20]!);
  await new Promise<void>((resolve) => {
    const end = live.jobs.subscribe(ids[0]!, () => {
      if (!live.jobs.get(ids[0]!)) return;
      end();
      resolve();
    });
  });
  assert.equal(live.jobs.get(ids[0]!)?.job_id, ids[0]);
});
