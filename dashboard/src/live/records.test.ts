/** Who is notified of a change. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Frames } from './frames.ts';
import { Records, Value } from './records.ts';

function watched<T>(records: Records<T>, ids: readonly string[]) {
  const calls: string[] = [];
  for (const id of ids) records.subscribe(id, () => calls.push(id));
  records.subscribeAll(() => calls.push('all'));
  return calls;
}

test('a change notifies readers of that record and of the set, once a flush', () => {
  const records = new Records<number>();
  const calls = watched(records, ['a', 'b']);
  records.set('a', 1);
  records.set('a', 2);
  assert.deepEqual(calls, []);
  records.flush();
  records.flush();
  assert.deepEqual(calls, ['a', 'all']);
  assert.deepEqual([...records.changed], ['a']);
});

test('setting the same value notifies nobody', () => {
  const records = new Records<number>();
  records.set('a', 1);
  records.flush();
  const calls = watched(records, ['a']);
  records.set('a', 1);
  records.delete('b');
  records.flush();
  assert.deepEqual(calls, []);
});

test('replacing a set notifies readers of what went, came and changed', () => {
  const records = new Records<number>();
  records.replace([
    ['a', 1],
    ['b', 2],
    ['c', 3],
  ]);
  records.flush();
  const calls = watched(records, ['a', 'b', 'c', 'd']);
  records.replace([
    ['b', 2],
    ['c', 4],
    ['d', 5],
  ]);
  records.flush();
  assert.deepEqual(calls.toSorted(), ['a', 'all', 'c', 'd']);
});

test('a record knows whether it has readers', () => {
  const records = new Records<number>();
  const end = records.subscribe('a', () => {});
  assert.deepEqual([records.hasReaders('a'), records.hasReaders('b')], [true, false]);
  end();
  assert.equal(records.hasReaders('a'), false);
});

test('a value notifies when it is another one', () => {
  const value = new Value(1);
  let calls = 0;
  value.subscribe(() => calls++);
  value.put(1);
  value.put(2);
  value.set(3);
  value.flush();
  value.flush();
  assert.deepEqual([value.get(), calls], [3, 2]);
});

test('work of one frame is drawn once, and work that it adds comes with the next', () => {
  const waiting: (() => void)[] = [];
  const log: string[] = [];
  const frames = new Frames(
    () => log.push('draw'),
    (run) => waiting.push(run),
  );
  frames.add(() => log.push('one'));
  frames.add(() => {
    log.push('two');
    frames.add(() => log.push('three'));
  });
  assert.equal(waiting.length, 1);
  waiting.shift()!();
  assert.deepEqual(log, ['one', 'two', 'draw']);
  waiting.shift()!();
  assert.deepEqual(log.slice(3), ['three', 'draw']);
});
