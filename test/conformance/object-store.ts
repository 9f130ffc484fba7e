/**
 * The rules of every object store, run by each adapter against the real system.
 *
 * `open` returns an empty store each time (a new directory, a new prefix). `losing` returns one whose next put takes
 * effect while its response is lost; a store without a network has no response to lose, and omits it.
 */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { checkStore } from '../../server/objects/check-store.ts';
import { type ObjectStore, StoreError } from '../../server/objects/store.ts';

export type ConformanceOptions = {
  open(): Promise<ObjectStore>;
  losing?(): Promise<ObjectStore>;
  /** Number of writers racing for a key, by default 64; fewer if requests are slow. */
  races: number;
  /** Why the suite can't run here. */
  skip?: string | undefined;
  /** Stops what `open` started. */
  end?(): Promise<void>;
};

const WRITERS = 64;
const FAR_APART_MS = 60_000;

export function objectStoreConformance(name: string, options: ConformanceOptions): void {
  describe(name, { skip: options.skip ?? false }, () => {
    const opened: ObjectStore[] = [];
    const open = async (from = options.open) => {
      const store = await from();
      opened.push(store);
      return store;
    };
    after(async () => {
      for (const store of opened) await store.close();
      await options.end?.();
    });

    test('of 64 writers racing for a key exactly one creates it, and all read its bytes', async () => {
      const store = await open();
      for (let round = 0; round < options.races; round++) {
        const key = `journal/${String(round).padStart(20, '0')}.ndjson`;
        const results = await Promise.all(
          Array.from({ length: WRITERS }, async (_, writer) => {
            const { created } = await store.putIfAbsent(key, bytesOf(`writer ${writer}`));
            return { writer: `writer ${writer}`, created, read: await textAt(store, key) };
          }),
        );
        const winners = results.filter((result) => result.created);
        assert.equal(winners.length, 1);
        assert.deepEqual(new Set(results.map((result) => result.read)), new Set([winners[0]!.writer]));
        assert.equal(await textAt(store, key), winners[0]!.writer);
      }
    });

    test('an object is created once: a second creation is refused and changes nothing', async () => {
      const store = await open();
      assert.equal((await store.putIfAbsent('a/b', bytesOf('first'))).created, true);
      assert.equal((await store.putIfAbsent('a/b', bytesOf('second'))).created, false);
      assert.equal(await textAt(store, 'a/b'), 'first');
      await store.delete('a/b');
      assert.equal((await store.putIfAbsent('a/b', bytesOf('third'))).created, true);
      assert.equal(await textAt(store, 'a/b'), 'third');
    });

    test('a written object is readable and listed at once, and put replaces it', async () => {
      const store = await open();
      for (let n = 0; n < 20; n++) {
        const key = `views/${n % 5}/state.json`;
        await store.put(key, bytesOf(`version ${n}`));
        assert.equal(await textAt(store, key), `version ${n}`);
        assert.ok((await keysOf(store, 'views/')).includes(key));
      }
      assert.equal((await keysOf(store, 'views/')).length, 5);
      await store.put('once', bytesOf('a'));
      assert.equal((await store.putIfAbsent('once', bytesOf('b'))).created, false);
    });

    test('a reader of an object being replaced sees the old bytes or the new, never a part', async () => {
      const store = await open();
      const versions = ['a', 'b'].map((letter) => letter.repeat(100_000));
      await store.put('view', bytesOf(versions[0]!));
      for (let round = 0; round < 5; round++) {
        const write = store.put('view', bytesOf(versions[(round + 1) % 2]!));
        const reads = await Promise.all(Array.from({ length: 8 }, () => textAt(store, 'view')));
        await write;
        for (const read of reads) assert.ok(versions.includes(read!), `read ${read?.length} bytes of a mixture`);
      }
    });

    test('a deleted object is not found and not listed; deleting a missing one is not an error', async () => {
      const store = await open();
      for (const key of ['a/b/c', 'a/b/d', 'a-b']) await store.putIfAbsent(key, bytesOf(key));
      await store.delete('a/b/c');
      assert.equal((await store.get('a/b/c')).found, false);
      assert.deepEqual(await keysOf(store, ''), ['a-b', 'a/b/d']);
      await store.delete('a/b/d');
      await store.delete('a/b/d');
      await store.delete('never/was/here');
      await store.delete('a');
      assert.deepEqual(await keysOf(store, ''), ['a-b']);
    });

    const { losing } = options;
    if (losing) lostResponses(() => open(losing));

    test('names that some store cannot keep are refused by every operation of every store', async () => {
      const store = await open();
      const odd = [
        '',
        '/',
        '/a',
        'a/',
        'a//b',
        '.',
        '..',
        'a/../b',
        '.hidden',
        'a/.tmp',
        '-a',
        '=a',
        'a b',
        'a\\b',
        'a\nb',
      ];
      odd.push('a\u0000b', 'ü', '名', 'a%2fb', 'a:b', 'a*', 'x'.repeat(201), Array(6).fill('y'.repeat(199)).join('/'));
      const refused = (error: unknown) =>
        error instanceof StoreError && error.kind === 'refused' && error.code === 'bad_key';
      for (const key of odd) {
        await assert.rejects(store.putIfAbsent(key, bytesOf('x')), refused, key);
        await assert.rejects(store.put(key, bytesOf('x')), refused, key);
        await assert.rejects(store.get(key), refused, key);
        await assert.rejects(store.delete(key), refused, key);
        assert.throws(() => store.locate(key), refused, key);
      }
      for (const prefix of ['/', '/a', '../', 'a//', '.tmp', 'a b']) {
        await assert.rejects(keysOf(store, prefix), refused, prefix);
        await assert.rejects(keysOf(store, '', prefix), refused, prefix);
      }
      assert.deepEqual(await keysOf(store, ''), []);
    });

    test('unusual but valid names are kept unchanged', async () => {
      const store = await open();
      const odd = [
        '_',
        '0',
        'hour=19/job-1.json',
        'a..b',
        'a...',
        'A',
        'a.tar.gz',
        '2025/07/07/x',
        'CON',
        'index.html',
      ];
      odd.push('z'.repeat(200), `${'y'.repeat(199)}/${'y'.repeat(199)}/${'y'.repeat(199)}`);
      for (const key of odd) await store.putIfAbsent(key, bytesOf(key));
      for (const key of odd) assert.equal(await textAt(store, key), key);
      assert.deepEqual(await keysOf(store, ''), [...odd].sort());
    });

    for (const size of [0, 1, 65_536, 1024 * 1024 + 1, 4 * 1024 * 1024]) {
      test(`an object of ${size} bytes is read back unchanged`, async () => {
        const store = await open();
        const bytes = Uint8Array.from({ length: size }, (_, n) => (n * 31 + (n >> 8)) & 0xff);
        const sent = new Uint8Array(bytes);
        assert.equal((await store.putIfAbsent('created', sent)).created, true);
        await store.put('put', sent);
        sent.fill(0); // The store has its own copy by now.
        for (const key of ['created', 'put']) {
          const read = await store.get(key);
          assert.ok(read.found);
          assert.equal(Buffer.compare(read.bytes, bytes), 0);
        }
        const sizes = (await Array.fromAsync(store.list(''))).map((object) => object.size_bytes);
        assert.deepEqual(sizes, [size, size]);
      });
    }

    test('a list continues past 1,000 keys, in the order of their bytes, from any prefix and after any key', async () => {
      const store = await open();
      const numbered = Array.from({ length: 1203 }, (_, n) => `journal/${String(n).padStart(20, '0')}.ndjson`);
      const others = [
        'journal-2/a',
        'journal.old',
        'journal0',
        'journalX/b',
        'Journal/c',
        'a/b',
        'a-b',
        'a.b',
        'a0',
        'aB/c',
      ];
      const keys = [...numbered, ...others];
      for (let n = 0; n < keys.length; n += 64) {
        await Promise.all(keys.slice(n, n + 64).map((key) => store.put(key, bytesOf(key))));
      }
      const sorted = [...keys].sort();
      const expect = async (prefix: string, after?: string) => {
        const expected = sorted.filter((key) => key.startsWith(prefix) && (after === undefined || key > after));
        assert.deepEqual(await keysOf(store, prefix, after), expected, `${prefix} after ${after}`);
      };
      for (const prefix of [
        '',
        'j',
        'journal',
        'journal/0000000000000000000',
        'journal/x',
        'a',
        'a/',
        'z',
        'Journal/',
      ]) {
        await expect(prefix);
      }
      for (const after of ['journal/', numbered[0], numbered[999], numbered[1202], 'journal0', 'a', 'zz']) {
        await expect('journal/', after);
      }
      for (const after of [numbered[1100], 'Journal/c', 'journal.old', 'journal/zz']) await expect('', after);
      for (const after of ['a', 'a-b', 'a/', 'a/b', 'a/c', 'a0']) await expect('a', after);
    });

    test('a list can be stopped early', async () => {
      const store = await open();
      for (const key of ['a', 'b', 'c']) await store.put(key, bytesOf(key));
      for await (const { key } of store.list('')) {
        assert.equal(key, 'a');
        break;
      }
    });

    test("every response has the store's own time, close to an object's write time", async () => {
      const store = await open();
      const missing = await store.get('nothing');
      const created = await store.putIfAbsent('key', bytesOf('x'));
      const refused = await store.putIfAbsent('key', bytesOf('x'));
      const read = await store.get('key');
      const [listed] = await Array.fromAsync(store.list(''));
      assert.ok(read.found && listed);
      for (const { server_ms } of [missing, created, refused, read]) {
        assert.ok(Math.abs(server_ms - read.last_modified_ms) < FAR_APART_MS, `${server_ms} ${read.last_modified_ms}`);
      }
      // A list may show milliseconds where a header shows seconds.
      assert.ok(Math.abs(listed.last_modified_ms - read.last_modified_ms) < 1000);
    });

    test('the address of a key names the store and the key', async () => {
      const store = await open();
      assert.match(store.locate('jobs/active/job-1/state.json'), /^[a-z0-9]+:.*jobs\/active\/job-1\/state\.json$/);
      assert.match(store.url, /^(memory:|dir:|s3:)/);
    });

    test('it passes the store check, which leaves nothing behind', async () => {
      const store = await open();
      const report = await checkStore(store, { writers: 8, keys: 4 });
      assert.deepEqual(
        // The suite may run on a disk in memory.
        report.findings.filter(({ check, verdict }) => check !== 'file system' && ['fail', 'warn'].includes(verdict)),
        [],
      );
      assert.equal(report.passed, true);
      assert.deepEqual(await keysOf(store, ''), []);
    });
  });
}

function lostResponses(open: () => Promise<ObjectStore>): void {
  test('after a lost response, a second attempt does not create the object, which has our bytes', async () => {
    const store = await open();
    await assert.rejects(
      store.putIfAbsent('journal/1', bytesOf('ours')),
      (error) => error instanceof StoreError && error.kind === 'unavailable',
    );
    assert.equal((await store.putIfAbsent('journal/1', bytesOf('ours'))).created, false);
    assert.equal(await textAt(store, 'journal/1'), 'ours');
  });
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

async function textAt(store: ObjectStore, key: string): Promise<string | undefined> {
  const read = await store.get(key);
  return read.found ? new TextDecoder().decode(read.bytes) : undefined;
}

async function keysOf(store: ObjectStore, prefix: string, after?: string): Promise<string[]> {
  const listed = await Array.fromAsync(store.list(prefix, after === undefined ? {} : { after }));
  return listed.map((object) => object.key);
}
