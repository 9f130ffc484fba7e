import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settled } from '../testing-clock.ts';
import { newClock } from './testing.ts';
import { WaitingLine } from './waiting-line.ts';

const LINGER_MS = 1_000;

function line() {
  const clock = newClock();
  return { clock, waiting: new WaitingLine<string>(clock, LINGER_MS) };
}

test('a durable proposal triggers a commit at once', async () => {
  const { waiting } = line();
  const next = waiting.next(null);
  waiting.add('one');
  waiting.add('two');
  assert.equal(await next, 'commit');
  assert.deepEqual(waiting.take(), ['one', 'two']);
});

test('soft proposals linger, and the newest of a key replaces earlier ones', async () => {
  const { clock, waiting } = line();
  let next: string | null = null;
  void waiting.next(null).then((work) => {
    next = work;
  });
  waiting.addSoft('job-1', 'at 10 %');
  waiting.addSoft('job-2', 'at 50 %');
  await clock.turn(LINGER_MS / 2);
  waiting.addSoft('job-1', 'at 20 %');
  await clock.turn(LINGER_MS / 2 - 1);
  assert.equal(next, null);
  await clock.turn(1);
  assert.equal(next, 'commit');
  assert.deepEqual(waiting.take(), ['at 20 %', 'at 50 %']);
});

test('a soft proposal may be merged with the pending one of its key', () => {
  const { waiting } = line();
  for (const lease of ['a', 'b', 'c']) waiting.addSoft('beat', lease, (before, next) => `${before}+${next}`);
  assert.deepEqual(waiting.take(), ['a+b+c']);
  waiting.addSoft('beat', 'd', (before, next) => `${before}+${next}`);
  assert.deepEqual(waiting.take(), ['d'], 'a taken proposal is not merged again');
});

test('soft proposals are taken before durable ones, so that a last progress counts before the end', async () => {
  const { waiting } = line();
  waiting.addSoft('beat', 'soft');
  waiting.add('durable');
  assert.equal(await waiting.next(null), 'commit');
  assert.deepEqual(waiting.take(), ['soft', 'durable']);
});

test('a linger that was cut short does not shorten the next one', async () => {
  const { clock, waiting } = line();
  waiting.addSoft('beat', 'first');
  waiting.take();
  await clock.turn(LINGER_MS - 1);
  waiting.addSoft('beat', 'second');
  let next: string | null = null;
  void waiting.next(null).then((work) => {
    next = work;
  });
  await clock.turn(LINGER_MS - 1);
  assert.equal(next, null);
  await clock.turn(1);
  assert.equal(next, 'commit');
});

test('without work it is time to poll, if polling is enabled', async () => {
  const { clock, waiting } = line();
  let next: string | null = null;
  void waiting.next(200).then((work) => {
    next = work;
  });
  await clock.turn(199);
  assert.equal(next, null);
  await clock.turn(1);
  assert.equal(next, 'poll');
});

test('a visit resolves with a successful proof that started after it, and commits go before visits', async () => {
  const { waiting } = line();
  const gone: string[] = [];
  const goneSoFar = () => [...gone];
  void waiting.visit().then(() => gone.push('first'));
  waiting.add('work');
  assert.equal(await waiting.next(null), 'commit');
  waiting.take();
  assert.equal(await waiting.next(null), 'visit');
  await assert.rejects(waiting.visited(() => Promise.reject(new Error('no response'))));
  await settled();
  assert.deepEqual(goneSoFar(), []);
  assert.equal(await waiting.next(null), 'visit');
  await waiting.visited(async () => {
    void waiting.visit().then(() => gone.push('second'));
    await settled();
    assert.deepEqual(goneSoFar(), []);
  });
  await settled();
  assert.deepEqual(goneSoFar(), ['first']);
  assert.equal(await waiting.next(null), 'visit');
  await waiting.visited(async () => {});
  await settled();
  assert.deepEqual(goneSoFar(), ['first', 'second']);
});

test('after close the pending proposals are still taken, then nothing', async () => {
  const { waiting } = line();
  waiting.add('last words');
  waiting.addSoft('beat', 'a last beat');
  const visit = waiting.visit();
  waiting.close();
  assert.equal(await waiting.next(null), 'commit');
  assert.deepEqual(waiting.take(), ['a last beat', 'last words']);
  assert.equal(await waiting.next(null), 'closed');
  await visit;
  await waiting.visit();
  assert.equal(waiting.closed, true);
});
