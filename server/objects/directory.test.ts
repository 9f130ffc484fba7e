/**
 * Behaviour specific to directories: the order of writing, disks that are full or read-only, folders that come and go.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { mkdir, mkdtemp, open, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, mock, test } from 'node:test';
import { DirectoryStore } from './directory.ts';
import { StoreError } from './store.ts';

let root: string;
let mounted: string[] = [];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'tmon-directory-'));
});

afterEach(async () => {
  mock.restoreAll();
  syncBuiltinESMExports();
  for (const path of mounted) execFileSync('umount', [path]);
  mounted = [];
  await rm(root, { recursive: true });
});

describe('the order of writing', () => {
  test('a name appears once its bytes are on the disk, and is acknowledged once its folder is', async () => {
    const store = await DirectoryStore.open(root, { lock: true });
    await store.putIfAbsent('journal/0', bytesOf('warm'));
    const calls: string[] = [];
    record(calls, ['fdatasync', 'linkSync']);
    await recordSync(calls);
    await store.putIfAbsent('journal/1', bytesOf('one'));
    assert.deepEqual(calls, ['fdatasync', 'linkSync', 'sync']);
    calls.length = 0;
    await store.putIfAbsent('journal/1', bytesOf('two'));
    assert.deepEqual(
      calls,
      ['fdatasync', 'linkSync', 'sync'],
      "an existing name is reported once its creator's link is durable",
    );
    calls.length = 0;
    await store.putIfAbsent('new/folder/1', bytesOf('one'));
    assert.deepEqual(calls.slice(-4), ['linkSync', 'sync', 'sync', 'sync'], 'a new folder, its parent, and the root');
    calls.length = 0;
    await store.put('journal/view', bytesOf('view'));
    assert.deepEqual(calls, [], 'a view does not wait for the disk');
    await store.close();
  });

  test('a failure after the name appeared is unknown, not refused; sending the same bytes again finds it', async () => {
    const store = await DirectoryStore.open(root, { lock: true });
    const handle = await open(root, 'r');
    const failing = mock.method(Object.getPrototypeOf(handle), 'sync', () => Promise.reject(failure('ENOSPC')));
    await handle.close();
    await assert.rejects(store.putIfAbsent('a', bytesOf('ours')), { kind: 'unavailable' });
    failing.mock.restore();
    assert.equal((await store.putIfAbsent('a', bytesOf('ours'))).created, false);
    assert.equal(await textAt(store, 'a'), 'ours');
    await store.close();
  });

  test('temporary files left by a crash are swept only by the next holder of the lock', async () => {
    await mkdir(join(root, '.tmp'));
    await writeFile(join(root, '.tmp', '123-left'), 'half');
    await (await DirectoryStore.open(root, { lock: false })).close();
    assert.deepEqual(await readdir(join(root, '.tmp')), ['123-left']);
    await (await DirectoryStore.open(root, { lock: true })).close();
    assert.deepEqual(await readdir(join(root, '.tmp')), []);
  });

  test('a writer whose temporary files were swept by another writes them again', async () => {
    const store = await DirectoryStore.open(root, { lock: false });
    await store.putIfAbsent('first', bytesOf('x'));
    for (const write of ['putIfAbsent', 'put'] as const) {
      const swept = mock.method(fs, 'writeSync', () => {
        swept.mock.restore();
        syncBuiltinESMExports();
        for (const name of fs.readdirSync(join(root, '.tmp'))) fs.rmSync(join(root, '.tmp', name));
        return 5;
      });
      syncBuiltinESMExports();
      await store[write](`after/${write}`, bytesOf('whole'));
      assert.equal(await textAt(store, `after/${write}`), 'whole');
    }
    await store.close();
    assert.deepEqual((await readdir(root)).sort(), ['after', 'first'], 'the folder that it made for them is gone');
  });
});

describe('a disk that fails', () => {
  const refusals = [
    ['ENOSPC', 'refused', 'store_full'],
    ['EDQUOT', 'refused', 'store_full'],
    ['EROFS', 'refused', 'store_read_only'],
    ['EACCES', 'refused', 'store_read_only'],
    ['EPERM', 'refused', 'store_read_only'],
    ['EXDEV', 'refused', 'store_many_disks'],
    ['EIO', 'unavailable', 'store_unavailable'],
    ['EMFILE', 'unavailable', 'store_unavailable'],
  ] as const;
  for (const [code, kind, mapped] of refusals) {
    test(`${code} while writing is ${mapped}, and leaves nothing`, async () => {
      const store = await DirectoryStore.open(root, { lock: true });
      for (const call of ['linkSync', 'renameSync', 'mkdirSync'] as const) {
        mock.method(fs, call, () => {
          throw failure(call === 'mkdirSync' ? code : 'ENOENT');
        });
      }
      syncBuiltinESMExports();
      await assert.rejects(store.putIfAbsent('a/b', bytesOf('x')), { kind, code: mapped });
      await assert.rejects(store.put('a/b', bytesOf('x')), { kind, code: mapped });
      mock.restoreAll();
      syncBuiltinESMExports();
      assert.deepEqual(await Array.fromAsync(store.list('')), []);
      await store.close();
      assert.deepEqual(await readdir(join(root, '.tmp')), []);
    });
  }

  test('no hard links: opening is refused, with alternatives', async () => {
    mock.method(fs, 'linkSync', () => {
      throw failure('EPERM');
    });
    syncBuiltinESMExports();
    await assert.rejects(DirectoryStore.open(root, { lock: true }), (error) => {
      assert.ok(error instanceof StoreError);
      assert.equal(error.code, 'store_no_hard_links');
      assert.match(error.hint ?? '', /ext4/);
      return true;
    });
    assert.deepEqual(await readdir(root), []);
    await assert.rejects(DirectoryStore.open(join(root, 'a/b'), { lock: true }), { code: 'store_no_hard_links' });
    assert.deepEqual(await readdir(root), [], 'the folders that it made are gone too');
  });

  test('full: creating is refused, reading and deleting continue, and then creating works again', async (t) => {
    const disk = mountTmpfs('size=512k');
    if (disk === undefined) return t.skip('mounting a small tmpfs needs root with the right to mount');
    const store = await DirectoryStore.open(join(disk, 'data'), { lock: true });
    const bytes = new Uint8Array(100_000);
    const created: string[] = [];
    await assert.rejects(
      async () => {
        for (let n = 0; n < 10; n++) {
          await store.putIfAbsent(`journal/${n}`, bytes);
          created.push(`journal/${n}`);
        }
      },
      { kind: 'refused', code: 'store_full' },
    );
    assert.ok(created.length >= 3);
    await assert.rejects(store.put('view', bytes), { kind: 'refused', code: 'store_full' });
    for (const key of created) assert.ok((await store.get(key)).found);
    await store.delete(created[0]!);
    await store.delete(created[1]!);
    assert.equal((await store.putIfAbsent('journal/again', bytes)).created, true);
    await store.close();
  });

  test('read-only: existing objects are read, writes are refused, the monitor does not open it', async (t) => {
    const disk = mountTmpfs('size=512k');
    if (disk === undefined) return t.skip('mounting a small tmpfs needs root with the right to mount');
    const writable = await DirectoryStore.open(disk, { lock: true });
    await writable.putIfAbsent('a/b', bytesOf('x'));
    await writable.close();
    execFileSync('mount', ['-o', 'remount,ro', disk]);
    await assert.rejects(DirectoryStore.open(disk, { lock: true }), { kind: 'refused', code: 'store_read_only' });
    const store = await DirectoryStore.open(disk, { lock: false });
    assert.equal(await textAt(store, 'a/b'), 'x');
    await assert.rejects(store.putIfAbsent('a/c', bytesOf('x')), { kind: 'refused', code: 'store_read_only' });
    await assert.rejects(store.put('a/b', bytesOf('y')), { kind: 'refused', code: 'store_read_only' });
    await assert.rejects(store.delete('a/b'), { kind: 'refused', code: 'store_read_only' });
    await store.close();
  });

  test('read-only: a new directory on it, or one without a store in it yet, is refused as read-only', async (t) => {
    const disk = mountTmpfs('size=512k');
    if (disk === undefined) return t.skip('mounting a small tmpfs needs root with the right to mount');
    await mkdir(join(disk, 'there'));
    execFileSync('mount', ['-o', 'remount,ro', disk]);
    const refused = { kind: 'refused', code: 'store_read_only', message: /EROFS/, hint: /read-write/ };
    for (const path of ['new', 'new/below', 'there', 'there/below']) {
      await assert.rejects(DirectoryStore.open(join(disk, path), { lock: true }), refused, path);
    }
    const look = await DirectoryStore.open(join(disk, 'there'), { lock: false });
    await assert.rejects(look.putIfAbsent('a', bytesOf('x')), refused);
    await look.close();
  });

  test('in memory: the store works, and its check warns that nothing survives a reboot', async (t) => {
    const disk = mountTmpfs('size=512k');
    if (disk === undefined) return t.skip('mounting a small tmpfs needs root with the right to mount');
    const store = await DirectoryStore.open(disk, { lock: true });
    const [finding] = await store.inspect();
    assert.equal(finding?.verdict, 'warn');
    assert.match(finding.says, /in memory \(tmpfs\): nothing survives a reboot/);
    await store.close();
  });

  test('a path that cannot become a folder is refused at once with a clear error, and nothing is left behind', async () => {
    await symlink(join(root, 'nowhere'), join(root, 'dangling'));
    await symlink(join(root, 'loop'), join(root, 'loop'));
    const paths = ['dangling', 'dangling/below', 'loop', 'loop/below', `${'x'.repeat(300)}`, `a/b/${'x'.repeat(300)}`];
    const system = process.platform === 'linux' ? ['/proc/x', '/proc/x/y'] : [];
    for (const path of [...paths.map((name) => join(root, name)), ...system]) {
      await assert.rejects(DirectoryStore.open(path, { lock: true }), (error) => {
        assert.ok(error instanceof StoreError, String(error));
        assert.deepEqual([error.kind, error.code], ['refused', 'store_not_creatable'], error.message);
        assert.ok(error.hint);
        return true;
      });
    }
    assert.deepEqual((await readdir(root)).sort(), ['dangling', 'loop']);
  });

  test('reading a missing store is refused and creates nothing; reading an existing one changes nothing', async () => {
    for (const lock of [true, false]) {
      await assert.rejects(DirectoryStore.open(join(root, 'a/b'), { lock, create: false }), {
        kind: 'refused',
        code: 'store_not_found',
        hint: /nothing was created/,
      });
    }
    const look = await DirectoryStore.open(root, { lock: false });
    assert.deepEqual(await keysOf(look), []);
    assert.equal((await look.get('a')).found, false);
    await look.delete('a');
    await look.close();
    assert.deepEqual(await readdir(root), []);
  });

  test('a removed folder for temporary files is created again', async () => {
    const store = await DirectoryStore.open(root, { lock: true });
    await rm(join(root, '.tmp'), { recursive: true });
    assert.equal((await store.putIfAbsent('a', bytesOf('x'))).created, true);
    await rm(join(root, '.tmp'), { recursive: true });
    await store.put('b', bytesOf('x'));
    await store.close();
  });

  test('a folder that is a link to another disk is listed, and creating in it is refused', async (t) => {
    const disk = mountTmpfs('size=512k');
    if (disk === undefined) return t.skip('mounting a small tmpfs needs root with the right to mount');
    const store = await DirectoryStore.open(join(root, 'data'), { lock: true });
    await writeFile(join(disk, 'there'), 'x');
    await symlink(disk, join(root, 'data', 'journal'));
    assert.deepEqual(await keysOf(store), ['journal/there']);
    await assert.rejects(store.putIfAbsent('journal/1', bytesOf('x')), { kind: 'refused', code: 'store_many_disks' });
    await store.close();
  });
});

describe('folders', () => {
  test('go when their last object is deleted, and the root stays', async () => {
    const store = await DirectoryStore.open(root, { lock: true });
    await store.putIfAbsent('jobs/active/job-1/state.json', bytesOf('x'));
    await store.putIfAbsent('jobs/failed/job-2/state.json', bytesOf('x'));
    await store.delete('jobs/active/job-1/state.json');
    assert.deepEqual((await readdir(join(root, 'jobs'))).sort(), ['failed']);
    await store.delete('jobs/failed/job-2/state.json');
    assert.deepEqual(
      (await readdir(root)).filter((name) => !name.startsWith('.')),
      [],
    );
    await store.close();
  });

  for (const lock of [true, false]) {
    test(`removed under a create are made again (lock: ${lock})`, async () => {
      const store = await DirectoryStore.open(root, { lock });
      for (let round = 0; round < 150; round++) {
        const folder = `a/b${round % 3}`;
        await store.putIfAbsent(`${folder}/old`, bytesOf('x'));
        const [, created] = await Promise.all([
          store.delete(`${folder}/old`),
          store.putIfAbsent(`${folder}/new`, bytesOf('created')),
          store.put(`${folder}/view`, bytesOf('view')),
        ]);
        assert.equal(created.created, true);
        assert.equal(await textAt(store, `${folder}/new`), 'created');
        assert.equal(await textAt(store, `${folder}/view`), 'view');
        await Promise.all([store.delete(`${folder}/new`), store.delete(`${folder}/view`)]);
      }
      assert.deepEqual(await keysOf(store), []);
      await store.close();
    });
  }

  test('empty ones give way to an object of their name; ones in use are reported as a conflict', async () => {
    const store = await DirectoryStore.open(root, { lock: true });
    for (const write of ['putIfAbsent', 'put'] as const) {
      await mkdir(join(root, write));
      await store[write](write, bytesOf('x'));
      assert.equal(await textAt(store, write), 'x');
      await assert.rejects(store[write](`${write}/below`, bytesOf('x')), { kind: 'refused', code: 'key_conflict' });
      await store.put(`folder-${write}/object`, bytesOf('x'));
      await assert.rejects(store[write](`folder-${write}`, bytesOf('x')), { kind: 'refused', code: 'key_conflict' });
      assert.equal((await store.get(`folder-${write}`)).found, false);
      assert.equal((await store.get(`${write}/below`)).found, false);
    }
    await store.close();
  });

  test('objects are created in more folders than descriptors are kept', async () => {
    const store = await DirectoryStore.open(root, { lock: true });
    for (let round = 0; round < 2; round++) {
      for (let n = 0; n < 100; n++) {
        assert.equal((await store.putIfAbsent(`f${n}/${round}`, bytesOf('x'))).created, true);
      }
    }
    assert.equal((await keysOf(store)).length, 200);
    await store.close();
  });

  test('foreign files are neither listed nor touched: dot files, odd names, the lock', async () => {
    const store = await DirectoryStore.open(root, { lock: true });
    await store.putIfAbsent('a', bytesOf('x'));
    await writeFile(join(root, '.DS_Store'), 'theirs');
    await writeFile(join(root, 'notes (old).txt'), 'theirs');
    await mkdir(join(root, 'lost+found'));
    assert.deepEqual(await keysOf(store), ['a']);
    await store.close();
    assert.equal(await readFile(join(root, 'notes (old).txt'), 'utf8'), 'theirs');
    assert.deepEqual((await readdir(root)).sort(), [
      '.DS_Store',
      '.lock',
      '.tmp',
      'a',
      'lost+found',
      'notes (old).txt',
    ]);
  });
});

/** A separate small file system at a folder of the test's root, or `undefined` if that isn't allowed. */
function mountTmpfs(options: string): string | undefined {
  const path = join(root, `disk-${mounted.length}`);
  try {
    execFileSync('mkdir', [path]);
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  mounted.push(path);
  return path;
}

function record(calls: string[], names: ('fdatasync' | 'linkSync')[]): void {
  for (const name of names) {
    const real = fs[name] as (...args: unknown[]) => unknown;
    mock.method(fs, name, (...args: unknown[]) => {
      calls.push(name);
      return real(...args);
    });
  }
  syncBuiltinESMExports();
}

async function recordSync(calls: string[]): Promise<void> {
  const handle = await open(root, 'r');
  await handle.close();
  const prototype = Object.getPrototypeOf(handle);
  const real = prototype.sync;
  mock.method(prototype, 'sync', function (this: unknown) {
    calls.push('sync');
    return real.call(this);
  });
}

function failure(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: injected`), { code });
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

async function textAt(store: DirectoryStore, key: string): Promise<string | undefined> {
  const read = await store.get(key);
  return read.found ? new TextDecoder().decode(read.bytes) : undefined;
}

async function keysOf(store: DirectoryStore): Promise<string[]> {
  return (await Array.fromAsync(store.list(''))).map((object) => object.key);
}
