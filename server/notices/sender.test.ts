/** The sender beside a real engine on a clock that the test turns: what it sends, when again, and what a crash leaves. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NotifierError } from '../../notifiers/notifier.ts';
import { MemoryStore } from '../objects/memory.ts';
import type { NoticeRecord } from '../state-machine/state/notices.ts';
import { settled, TurnedClock } from '../testing-clock.ts';
import { TestMonitor } from '../views/testing-monitor.ts';
import type { Deliver } from './delivery.ts';
import { NoticeSender } from './sender.ts';

let ids = 0;

/** A send that ends only when it is aborted. */
const hang = (signal: AbortSignal): Promise<void> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));

async function open(
  t: { after(run: () => unknown): void },
  deliver: Deliver,
  { store, clock, sole = true }: { store?: MemoryStore; clock?: TurnedClock; sole?: boolean } = {},
) {
  const turned = clock ?? new TurnedClock('2025-07-07T19:30:00Z');
  const monitor = await TestMonitor.open({ store: store ?? new MemoryStore(turned), clock: turned, shared: !sole });
  const sender = new NoticeSender({
    engine: monitor.engine,
    clock: turned,
    random: { float: () => 1 },
    deliver,
    sole,
    newId: () => `sender-${ids++}`,
    log: (_, message) => void monitor.log.push(message),
  });
  sender.start();
  t.after(async () => {
    const stopped = sender.stop();
    await turned.turn(5_000);
    await stopped;
    monitor.engine.abandon();
  });
  return { monitor, sender, clock: turned };
}

async function request(monitor: TestMonitor, count: number, destination = 'ops'): Promise<void> {
  const notices = Array.from({ length: count }, () => ({ notice_id: `notice-${ids++}`, destination, url: null }));
  await monitor.do({ type: 'request_notices', notices });
}

const states = ({ engine }: TestMonitor) => [...engine.state.tables.notices.values()].map(({ state }) => state);

test('a notice is sent as soon as it exists, and recorded as delivered', async (t) => {
  const sent: string[] = [];
  const { monitor, clock } = await open(t, async ({ id }) => void sent.push(id));
  await request(monitor, 3);
  await clock.turn(0);
  assert.equal(sent.length, 3);
  assert.deepEqual(states(monitor), ['delivered', 'delivered', 'delivered']);
});

test('a failed notice is sent again under the same id after its delay, until it is delivered', async (t) => {
  const sent: [id: string, at_ms: number][] = [];
  const { monitor, clock } = await open(t, async ({ id }) => {
    sent.push([id, clock.now()]);
    if (sent.length < 3) throw new NotifierError('HTTP 503', { status: 503 });
  });
  await request(monitor, 1);
  const began_ms = clock.now();
  await clock.turn(60_000);
  assert.equal(new Set(sent.map(([id]) => id)).size, 1);
  assert.deepEqual(
    sent.map(([, at_ms]) => Math.round((at_ms - began_ms) / 1000)),
    [0, 5, 15],
  );
  assert.deepEqual(states(monitor), ['delivered']);
});

test('a destination that never responds has a few sends at a time, and the others go on', async (t) => {
  const sent: string[] = [];
  const { monitor, clock } = await open(t, ({ destination }, signal) => {
    sent.push(destination);
    return destination === 'silent' ? hang(signal) : Promise.resolve();
  });
  await request(monitor, 100, 'silent');
  await request(monitor, 20, 'ops');
  await clock.turn(3_000);
  assert.deepEqual(
    [sent.filter((one) => one === 'silent').length, sent.filter((one) => one === 'ops').length],
    [8, 20],
  );
});

test('what a sender had claimed when it died is sent under the same id, at once if it was alone', async (t) => {
  for (const [sole, wait_ms] of [
    [true, 0],
    [false, 60_000],
  ] as const) {
    const clock = new TurnedClock('2025-07-07T19:30:00Z');
    const store = new MemoryStore(clock);
    const sent: NoticeRecord[] = [];
    const first = await open(
      t,
      (notice, signal) => {
        sent.push(notice);
        return hang(signal);
      },
      { store, clock, sole },
    );
    await request(first.monitor, 1);
    await clock.turn(0);
    assert.equal(sent.length, 1);
    first.monitor.engine.abandon();
    const second = await open(t, async (notice) => void sent.push(notice), { store, clock, sole });
    await clock.turn(wait_ms === 0 ? 0 : wait_ms - 5_000);
    assert.equal(sent.length, sole ? 2 : 1, 'not before its claim is over');
    await clock.turn(10_000);
    assert.deepEqual(new Set(sent.map(({ id }) => id)).size, 1);
    assert.deepEqual(sent.length, 2);
    assert.deepEqual(states(second.monitor), ['delivered']);
  }
});

test('a stop waits for sends in progress, not for those that hang, and claims nothing more', async (t) => {
  let release = () => {};
  const { monitor, sender, clock } = await open(t, ({ destination }, signal) =>
    destination === 'hangs'
      ? hang(signal)
      : new Promise((resolve) => {
          release = resolve;
        }),
  );
  await request(monitor, 1, 'slow');
  await request(monitor, 1, 'hangs');
  await clock.turn(0);
  let stopped = false;
  const stopping = sender.stop().then(() => {
    stopped = true;
  });
  await request(monitor, 1, 'late');
  release();
  await settled();
  await settled();
  assert.equal(stopped, false);
  await clock.turn(3_000);
  await stopping;
  assert.deepEqual(states(monitor).sort(), ['delivered', 'sending', 'waiting']);
});

test('of several instances the one that wrote the event sends; another sends what it does not', async (t) => {
  const clock = new TurnedClock('2025-07-07T19:30:00Z');
  const store = new MemoryStore(clock);
  const sent: string[] = [];
  const silent = await open(t, (_, signal) => hang(signal), { store, clock, sole: false });
  const other = await open(t, async ({ id }) => void sent.push(id), { store, clock, sole: false });
  await silent.sender.stop();
  await request(silent.monitor, 2);
  await other.monitor.engine.journal.catchUp();
  await clock.turn(9_000);
  assert.deepEqual(sent, []);
  await clock.turn(2_000);
  assert.equal(sent.length, 2);
});
