/** The store against a real monitor: what it fetched is kept current, also across a connection that is lost. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { TranscriptionAPI } from '../../../sdk/typescript/index.ts';
import { hashOfKey } from '../../../server/access/secrets.ts';
import { JumpingClock } from '../../../test/servers/jumping-clock.ts';
import { ADMIN_KEY, openMonitor } from '../../../test/servers/monitor.ts';
import { complete, hold, register, submit } from '../../../test/servers/steps.ts';
import { Live, mayEnter } from './live.ts';
import { BACKGROUND } from './presence.ts';

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

test('a page that nobody uses returns to the sign-in after its time; a sign of somebody keeps it', async (t) => {
  const clock = new JumpingClock();
  const keyed = await openMonitor(t, { clock, admin_key_hash: hashOfKey(ADMIN_KEY), session_idle_ms: 3_600_000 });
  const signedIn = await keyed.withKey(ADMIN_KEY).post('/session');
  // As a browser sends them.
  const sent = { cookie: signedIn.headers.get('set-cookie')!.split(';')[0]!, 'sec-fetch-site': 'same-origin' };
  const { promise: used, resolve } = Promise.withResolvers<void>();
  let asked = 0;
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const response = await globalThis.fetch(input, init);
    if (++asked === 2) resolve();
    return response;
  };
  const options = { baseUrl: keyed.url, random: () => 0 };
  // As in a browser, where the feed has no other way than the WebSocket.
  const noEvents: typeof globalThis.fetch = (input, init) =>
    /\/events\?/.test(String(input)) ? Promise.reject(new TypeError('none')) : globalThis.fetch(input, init);
  const api = new TranscriptionAPI({ ...options, headers: { ...sent, ...BACKGROUND }, fetch: noEvents });
  const present = new TranscriptionAPI({ ...options, headers: sent, fetch });
  const live = new Live(keyed.url, { api, present, nextFrame: (run) => void setImmediate(run) });
  t.after(() => live.stop());
  live.start();
  const page = new EventTarget();
  let now_ms = 0;
  live.presentAt(page, () => now_ms);
  await when(live, () => live.connection.get().state === 'live');
  now_ms = 50 * 60_000;
  clock.jump(now_ms);
  page.dispatchEvent(new Event('keydown'));
  await used;
  clock.jump(50 * 60_000);
  await api.jobs.list().page();
  assert.equal((await api.session.get()).signed_in, true);
  clock.jump(11 * 60_000);
  await when(live, () => !mayEnter(live.session.get()!));
});
