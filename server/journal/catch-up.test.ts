import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sleep } from '../clock.ts';
import { settled, type TurnedClock } from '../testing-clock.ts';
import { type Desk, FailingStore, newClock, openDesk } from './testing.ts';

const PUT_MS = 30;

/** A desk whose store takes 30 ms per put, and where each put that starts adds the next write. */
async function busyDesk(text: string): Promise<{ clock: TurnedClock; store: FailingStore; desk: Desk }> {
  const clock = newClock();
  const store = new FailingStore(clock);
  const desk = await openDesk(store, clock, { tail_poll_ms: 200 });
  const write = () => void desk.write(text).catch(() => {});
  const create = store.putIfAbsent.bind(store);
  store.putIfAbsent = async (key, bytes) => {
    write();
    await sleep(clock, PUT_MS);
    return create(key, bytes);
  };
  return { clock, store, desk };
}

function watched(promise: Promise<void>): { resolved: boolean } {
  const watch = { resolved: false };
  void promise.then(() => {
    watch.resolved = true;
  });
  return watch;
}

test('under steady writes a put that started after a visit resolves it', async () => {
  const { clock, desk } = await busyDesk('note');
  void desk.write('first');
  await clock.turn(PUT_MS / 2);
  const visit = watched(desk.journal.catchUp());
  await clock.turn(PUT_MS);
  // The first put began before the visitor came, so it proves nothing for the visitor.
  assert.equal(visit.resolved, false);
  await clock.turn(PUT_MS);
  assert.equal(visit.resolved, true);
  desk.journal.abandon();
});

test('a visit sees what another instance wrote before it, however many writes are pending', async () => {
  const { clock, store, desk } = await busyDesk('note');
  const other = await openDesk(store, clock, { tail_poll_ms: 200, instance: 'b' });
  const foreign = other.write('foreign');
  await clock.turn(PUT_MS);
  await foreign;
  void desk.write('first');
  const visit = desk.journal.catchUp();
  await clock.turn(4 * PUT_MS);
  await visit;
  assert.ok(desk.notes.texts.includes('foreign'));
  for (const { journal } of [desk, other]) journal.abandon();
});

test('proposals that write nothing do not delay a visit', async () => {
  const clock = newClock();
  const store = new FailingStore(clock);
  const desk = await openDesk(store, clock, { tail_poll_ms: 200 });
  const keepWriting = async () => {
    for (let i = 0; i < 100; i++) await desk.write('nothing');
  };
  const writing = Promise.all([keepWriting(), keepWriting()]).then(() => 'all written');
  assert.equal(await Promise.race([writing, desk.journal.catchUp().then(() => 'caught up')]), 'caught up');
  await writing;
  desk.journal.abandon();
});

test('an instance alone on its store catches up at once, without waiting for its own put', async () => {
  const clock = newClock();
  const store = new FailingStore(clock);
  const desk = await openDesk(store, clock);
  let respond = () => {};
  const create = store.putIfAbsent.bind(store);
  store.putIfAbsent = async (key, bytes) => {
    await new Promise<void>((resolve) => {
      respond = resolve;
    });
    return create(key, bytes);
  };
  const written = desk.write('slow');
  await settled();
  await desk.journal.catchUp();
  respond();
  assert.equal(await written, 'in 1');
});
