/** The store against a real monitor: what it fetched is kept current, also across a connection that is lost. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { TranscriptionAPI } from '../../../sdk/typescript/index.ts';
import { hashOfKey } from '../../../server/access/secrets.ts';
import { ADMIN_KEY, openMonitor } from '../../../test/servers/monitor.ts';
import { complete, hold, register, submit } from '../../../test/servers/steps.ts';
import { Live, mayEnter } from './live.ts';

const monitor = await openMonitor({ after });

/** Sockets that tests cut. */
const sockets = new Set<WebSocket>();
class CutSocket extends WebSocket {
  constructor(url: string) {
    super(url);
    sockets.add(this);
    this.addEventListener('close', () => sockets.delete(this));
  }
}

function openLive(): Live {
  const options = { baseUrl: monitor.url, webSocket: CutSocket as never, random: () => 0 };
  const live = new Live(monitor.url, {
    api: new TranscriptionAPI(options),
    nextFrame: (run) => void setImmediate(run),
  });
  live.start();
  return live;
}

/** Resolves when the condition holds after some frame. */
function when(live: Live, holds: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const ends: (() => void)[] = [];
    const look = () => {
      if (!holds()) return;
      for (const end of ends) end();
      resolve();
    };
    for (const records of [live.jobs, live.active, live.workers, live.alerts]) ends.push(records.subscribeAll(look));
    for (const value of [live.connection, live.system, live.queue, live.session]) ends.push(value.subscribe(look));
    look();
  });
}

test('a job that was fetched once is current to its end', async (t) => {
  const held = await hold(monitor, {}, 'worker-live');
  const live = openLive();
  t.after(() => live.stop());
  live.want(held.id);
  await when(live, () => live.jobs.get(held.id)?.state === 'PROCESSING');
  await when(live, () => live.active.get(held.id)?.state === 'PROCESSING');
  const { status } = await monitor.put(`/jobs/${held.id}/progress`, {
    lease_token: held.token,
    percentage: 45,
    stage: 'TRANSCRIBING',
  });
  assert.equal(status, 202);
  await when(live, () => live.jobs.get(held.id)?.progress.percentage === 45);
  await complete(monitor, held);
  await when(live, () => live.jobs.get(held.id)?.state === 'COMPLETED' && live.active.get(held.id) === undefined);
});

test('after a lost connection it resumes where it was: nothing is missed, nothing is fetched again', async (t) => {
  const held = await hold(monitor, {}, 'worker-cut');
  const live = openLive();
  t.after(() => live.stop());
  live.want(held.id);
  await when(live, () => live.jobs.get(held.id) !== undefined && live.connection.get().state === 'live');
  const epoch = live.epoch.get();
  for (const socket of sockets) socket.close();
  await complete(monitor, held);
  const next = await submit(monitor);
  await when(live, () => live.jobs.get(held.id)?.state === 'COMPLETED' && live.active.get(next.job_id) !== undefined);
  assert.deepEqual([live.connection.get().state, live.epoch.get()], ['live', epoch]);
});

test('a worker that registers is there, and is active while it holds a job', async (t) => {
  const live = openLive();
  t.after(() => live.stop());
  await when(live, () => live.system.get() !== null);
  await register(monitor, 'worker-new');
  await when(live, () => live.workers.get('worker-new')?.state === 'IDLE');
  const held = await hold(monitor, {}, 'worker-new');
  await when(live, () => live.workers.get('worker-new')?.current_job?.job_id === held.id);
  await complete(monitor, held);
  await when(live, () => live.workers.get('worker-new')?.state === 'IDLE');
});

test('a document that was on its way while the job changed is not older than the feed', async (t) => {
  const held = await hold(monitor, {}, 'worker-race');
  const live = openLive();
  t.after(() => live.stop());
  await when(live, () => live.active.get(held.id) !== undefined);
  const early = await live.api.jobs.get(held.id);
  const completed = new Promise<void>((resolve) => {
    live.onJob((message) => message.state === 'COMPLETED' && message.job_id === held.id && resolve());
  });
  await live.fetching(
    async () => {
      await complete(monitor, held);
      await completed;
      return early;
    },
    (job) => [job],
  );
  await when(live, () => live.jobs.get(held.id) !== undefined);
  assert.equal(live.jobs.get(held.id)?.state, 'COMPLETED');
});

test('of a monitor with keys the page asks for nothing but its session until somebody signs in', async (t) => {
  const keyed = await openMonitor({ after: t.after.bind(t) }, { admin_key_hash: hashOfKey(ADMIN_KEY) });
  const asked: string[] = [];
  const fetch: typeof globalThis.fetch = (input, init) => {
    asked.push(new URL(String(input)).pathname);
    return globalThis.fetch(input, init);
  };
  const api = new TranscriptionAPI({ baseUrl: keyed.url, fetch, webSocket: CutSocket as never });
  const live = new Live(keyed.url, { api, nextFrame: (run) => void setImmediate(run) });
  t.after(() => live.stop());
  live.start();
  await when(live, () => live.session.get() !== null);
  assert.equal(mayEnter(live.session.get()!), false);
  assert.deepEqual([asked, live.connection.get().state], [['/api/v1/session'], 'connecting']);
  await assert.rejects(live.signIn('tmk_wrong'));
  assert.equal(mayEnter(live.session.get()!), false);
  await live.signIn(ADMIN_KEY);
  assert.deepEqual([mayEnter(live.session.get()!), live.session.get()!.role], [true, 'admin']);
});
