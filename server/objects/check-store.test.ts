/** The store check passes a correct store, and names what is wrong with each kind of faulty one. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { systemClock } from '../clock.ts';
import { TurnedClock } from '../testing-clock.ts';
import { checkStore } from './check-store.ts';
import { MemoryStore } from './memory.ts';
import { type ListOptions, StoreError } from './store.ts';

const options = { writers: 8, keys: 6 };

class TwoWinners extends MemoryStore {
  #puts = new Map<string, number>();
  override async putIfAbsent(key: string, bytes: Uint8Array) {
    const result = await super.putIfAbsent(key, bytes);
    const puts = (this.#puts.get(key) ?? 0) + 1;
    this.#puts.set(key, puts);
    // Only a race shows it: the second of many gets `created`, a second one that comes later does not.
    return { ...result, created: result.created || (puts === 2 && key.includes('/race/')) };
  }
}

class IgnoresTheCondition extends MemoryStore {
  override async putIfAbsent(key: string, bytes: Uint8Array) {
    await this.put(key, bytes);
    return { created: true, server_ms: systemClock.now() };
  }
}

class LastWriterWins extends MemoryStore {
  override async putIfAbsent(key: string, bytes: Uint8Array) {
    const result = await super.putIfAbsent(key, bytes);
    if (!result.created && key.includes('/race/')) await this.put(key, bytes);
    return result;
  }
}

class NoWinner extends MemoryStore {
  override async putIfAbsent(key: string, bytes: Uint8Array) {
    const result = await super.putIfAbsent(key, bytes);
    return { ...result, created: result.created && !key.includes('/race/') };
  }
}

class ListsLate extends MemoryStore {
  #newest = '';
  override async putIfAbsent(key: string, bytes: Uint8Array) {
    const result = await super.putIfAbsent(key, bytes);
    this.#newest = key;
    return result;
  }
  override async *list(prefix: string, options?: ListOptions) {
    const hidden = this.#newest;
    this.#newest = '';
    for await (const object of super.list(prefix, options)) if (object.key !== hidden) yield object;
  }
}

class ListsInNoOrder extends MemoryStore {
  override async *list(prefix: string, options?: ListOptions) {
    yield* (await Array.fromAsync(super.list(prefix, options))).reverse();
  }
}

class IgnoresAfter extends MemoryStore {
  override list(prefix: string) {
    return super.list(prefix);
  }
}

class ReadsLate extends MemoryStore {
  #before = new Map<string, Uint8Array>();
  override async put(key: string, bytes: Uint8Array) {
    const old = await super.get(key);
    if (old.found) this.#before.set(key, old.bytes);
    await super.put(key, bytes);
  }
  override async get(key: string) {
    const result = await super.get(key);
    const before = this.#before.get(key);
    return result.found && before ? { ...result, bytes: before } : result;
  }
}

class KeepsTheDeleted extends MemoryStore {
  override async delete(key: string) {
    if (!key.includes('/delete/')) await super.delete(key);
  }
}

class ClockAstray extends MemoryStore {
  override async get(key: string) {
    const result = await super.get(key);
    return { ...result, server_ms: result.server_ms + 5 * 60_000 };
  }
}

class Denied extends MemoryStore {
  override async get(): Promise<never> {
    throw new StoreError('refused', 'store_denied', 's3://bucket: access is denied', { hint: 'allow s3:GetObject' });
  }
}

class CannotDelete extends MemoryStore {
  override async delete(key: string) {
    if (key.includes('/race/')) throw new StoreError('refused', 'store_denied', 'access is denied');
    await super.delete(key);
  }
}

describe('the store check', () => {
  const broken: [rule: string, store: MemoryStore, check: string, says: RegExp][] = [
    [
      'two winners of a race',
      new TwoWinners(systemClock),
      'a race has one winner',
      /^2 of 8 writers .* got "created"$/,
    ],
    ['a condition ignored', new IgnoresTheCondition(systemClock), 'one creator', /ignores If-None-Match/],
    ['a condition ignored in a race', new IgnoresTheCondition(systemClock), 'a race has one winner', /^8 of 8 writers/],
    [
      "a winner's bytes replaced",
      new LastWriterWins(systemClock),
      'a race has one winner',
      /holds the bytes of writer/,
    ],
    ['a race without a winner', new NoWinner(systemClock), 'a race has one winner', /^none of 8 writers/],
    ['a list that comes late', new ListsLate(systemClock), 'list after write', /missing from the list/],
    ['an unordered list', new ListsInNoOrder(systemClock), 'list after write', /in byte order/],
    ['a list that starts over', new IgnoresAfter(systemClock), 'list after write', /does not start after it/],
    ['an old version read', new ReadsLate(systemClock), 'read after write', /after "version 1" was written, version 0/],
    ['a deleted object read', new KeepsTheDeleted(systemClock), 'gone after delete', /could still be read/],
    ['two clocks', new ClockAstray(systemClock), 'clocks', /300 s apart/],
    ['no access', new Denied(systemClock), 'reachable', /access is denied/],
  ];
  for (const [rule, store, check, says] of broken) {
    test(`fails a store with ${rule}, with a hint`, async () => {
      const report = await checkStore(store, options);
      assert.equal(report.passed, false);
      const finding = report.findings.find((found) => found.check === check);
      assert.equal(finding?.verdict, 'fail');
      assert.match(finding.says, says);
      assert.ok(finding.hint);
      // Denied access and wrong clocks are corrected; a broken promise is remembered.
      assert.equal(finding.broken, check === 'clocks' || check === 'reachable' ? undefined : true);
    });
  }

  test('passes a correct store, and leaves nothing behind', async () => {
    const store = new MemoryStore(systemClock);
    await store.put('journal/1', new Uint8Array([1]));
    const report = await checkStore(store, options);
    assert.equal(report.passed, true);
    assert.equal(report.url, 'memory:');
    assert.deepEqual(
      report.findings.map((finding) => `${finding.check}: ${finding.verdict}`),
      [
        'reachable: pass',
        'one creator: pass',
        'a race has one winner: pass',
        'read after write: pass',
        'list after write: pass',
        'gone after delete: pass',
        'clocks: pass',
      ],
    );
    const left = await Array.fromAsync(store.list(''));
    assert.deepEqual(
      left.map((object) => object.key),
      ['journal/1'],
    );
  });

  test('retries with the same bytes when a store defers a request, and passes it', async () => {
    class Conflicts extends MemoryStore {
      #sends = 0;
      override async putIfAbsent(key: string, bytes: Uint8Array) {
        const lostBefore = this.#sends++ % 3 === 0;
        if (lostBefore) throw new StoreError('unavailable', 'store_unavailable', '409 ConditionalRequestConflict');
        const result = await super.putIfAbsent(key, bytes);
        if (this.#sends % 3 === 0) throw new StoreError('unavailable', 'store_timeout', 'the response was lost');
        return result;
      }
    }
    assert.equal((await checkStore(new Conflicts(systemClock), options)).passed, true);
  });

  test('is unfinished for a store that keeps deferring: no fault of the store, and no further check is tried', async () => {
    class Overloaded extends MemoryStore {
      override async delete(): Promise<never> {
        throw new StoreError('unavailable', 'store_unavailable', '503 SlowDown', { hint: 'try later' });
      }
    }
    const clock = new TurnedClock('2026-11-21T18:00:00Z');
    const checking = checkStore(new Overloaded(clock), { ...options, clock });
    for (let turns = 0; turns < 60; turns++) await clock.turn(1_000);
    const report = await checking;
    assert.equal(report.passed, false);
    assert.deepEqual(report.findings.at(-1), {
      check: 'gone after delete',
      verdict: 'unfinished',
      says: 'could not be finished: 503 SlowDown',
      hint: 'try later',
    });
  });

  test('reports what it could not remove, and passes', async () => {
    const report = await checkStore(new CannotDelete(systemClock), options);
    assert.equal(report.passed, true);
    const finding = report.findings.find((found) => found.check === 'cleaned up');
    assert.equal(finding?.verdict, 'warn');
    assert.match(finding.says, /^doctor\/[0-9a-f-]+\/ could not be removed/);
  });

  test('stops at a store that cannot be reached', async () => {
    const report = await checkStore(new Denied(systemClock), options);
    assert.deepEqual(report.findings, [
      { check: 'reachable', verdict: 'fail', says: 's3://bucket: access is denied', hint: 'allow s3:GetObject' },
    ]);
  });
});
