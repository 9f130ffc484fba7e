/**
 * One writer to a directory, and only to the folder that it locked: once that is moved, removed, replaced or taken
 * over, it stops writing.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, mock, test } from 'node:test';
import { systemClock } from '../clock.ts';
import { TurnedClock } from '../testing-clock.ts';
import { DirectoryStore } from './directory.ts';
import { StoreError } from './store.ts';

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'tmon-lock-'));
});

afterEach(async () => {
  mock.restoreAll();
  syncBuiltinESMExports();
  await rm(root, { recursive: true, force: true });
});

describe('the lock of a directory', () => {
  test('a second opener is refused with the process that holds it', async () => {
    const holder = await holdInAnotherProcess(root);
    try {
      await assert.rejects(DirectoryStore.open(root, { lock: true }), (error) => {
        assert.ok(error instanceof StoreError);
        assert.equal(error.kind, 'refused');
        assert.equal(error.code, 'store_locked');
        assert.match(error.message, new RegExp(`in use by process ${holder.pid}$`));
        assert.match(error.hint ?? '', new RegExp(`kill ${holder.pid}`));
        return true;
      });
    } finally {
      await holder.kill();
    }
  });

  test('is free at once after kill -9 of its holder, and acknowledged objects are complete', async () => {
    for (let round = 0; round < 3; round++) {
      const holder = await holdInAnotherProcess(root, { writeFrom: round * 1_000_000 });
      const acknowledged = await holder.acknowledged(50);
      await holder.kill();
      const store = await DirectoryStore.open(root, { lock: true });
      for (const key of acknowledged) assert.equal(await textAt(store, key), `bytes of ${key}`);
      for await (const { key } of store.list('journal/')) assert.equal(await textAt(store, key), `bytes of ${key}`);
      await store.close();
    }
  });

  test('is held against an opener in the same process too, until closed', async () => {
    const first = await DirectoryStore.open(root, { lock: true });
    await assert.rejects(DirectoryStore.open(root, { lock: true }), { code: 'store_locked' });
    await assert.rejects(DirectoryStore.open(root, { lock: true }), { code: 'store_locked' });
    await first.close();
    await (await DirectoryStore.open(root, { lock: true })).close();
  });

  test('does not block a reader that requests no lock', async () => {
    const first = await DirectoryStore.open(root, { lock: true });
    await first.putIfAbsent('a/b', bytesOf('x'));
    const look = await DirectoryStore.open(root, { lock: false });
    assert.equal(await textAt(look, 'a/b'), 'x');
    await look.close();
    await first.close();
  });
});

const SECOND_MS = 1_000;
const MOVED = { kind: 'refused', code: 'store_moved' };

/** What may happen to a folder under a monitor, each with what has to be cleaned up afterwards. */
const MOVES: Record<string, (path: string) => Promise<string[]>> = {
  'replaced by its backup': async (path) => {
    await cp(path, `${path}.bak`, { recursive: true });
    await rm(path, { recursive: true });
    await cp(`${path}.bak`, path, { recursive: true });
    return [`${path}.bak`];
  },
  'moved away': async (path) => {
    await rename(path, `${path}.old`);
    return [`${path}.old`];
  },
  'moved away, an empty one in its place': async (path) => {
    await rename(path, `${path}.old`);
    await mkdir(path);
    return [`${path}.old`];
  },
  removed: async (path) => {
    await rm(path, { recursive: true });
    return [];
  },
  'removed and created again': async (path) => {
    await rm(path, { recursive: true });
    await mkdir(path);
    return [];
  },
  'hidden behind a link to another': async (path) => {
    await rename(path, `${path}.old`);
    await mkdir(`${path}.other`);
    await symlink(`${path}.other`, path);
    return [`${path}.old`, `${path}.other`];
  },
  'without its lock': async (path) => {
    await unlink(join(path, '.lock'));
    return [];
  },
};

describe('a folder that is no longer the locked one', () => {
  for (const [name, move] of Object.entries(MOVES)) {
    test(`${name}: for good, nothing is written, acknowledged or reported missing; a successor can use the place`, async () => {
      const first = await DirectoryStore.open(root, { lock: true });
      await first.putIfAbsent('journal/1', bytesOf('first'));
      const left = await move(root);
      try {
        const before = await treeOf(root);
        await assert.rejects(first.putIfAbsent('journal/2', bytesOf('lost')), (error) => {
          assert.ok(error instanceof StoreError);
          assert.deepEqual([error.kind, error.code], ['refused', 'store_moved']);
          assert.match(error.message, new RegExp(`^${root} is not the folder`));
          assert.match(error.hint ?? '', /stop the monitor/);
          return true;
        });
        await assert.rejects(first.put('view', bytesOf('lost')), MOVED);
        await assert.rejects(first.delete('journal/1'), MOVED);
        await assert.rejects(first.get('journal/9'), MOVED);
        await assert.rejects(keysOf(first), MOVED);
        assert.deepEqual(await treeOf(root), before);

        const second = await DirectoryStore.open(root, { lock: true });
        await second.putIfAbsent('journal/2', bytesOf('second'));
        await assert.rejects(first.putIfAbsent('journal/3', bytesOf('lost')), MOVED);
        await first.close();
        assert.equal(await textAt(second, 'journal/2'), 'second');
        assert.equal(await textAt(second, 'journal/3'), undefined);
        await assert.rejects(DirectoryStore.open(root, { lock: true }), { code: 'store_locked' });
        await second.close();
      } finally {
        for (const path of left) await rm(path, { recursive: true });
      }
    });
  }

  test('replaced by a backup of hard links, the lock among them: the folder differs, although the lock is the same', async () => {
    const first = await DirectoryStore.open(root, { lock: true });
    await mkdir(`${root}.bak`);
    fs.linkSync(join(root, '.lock'), join(`${root}.bak`, '.lock'));
    await rm(root, { recursive: true });
    await rename(`${root}.bak`, root);
    await assert.rejects(first.putIfAbsent('a', bytesOf('lost')), MOVED);
    await assert.rejects(DirectoryStore.open(root, { lock: true }), { code: 'store_locked' });
    await first.close();
    await (await DirectoryStore.open(root, { lock: true })).close();
  });

  test('moved back, it stays refused: what happened there meanwhile is unknown', async () => {
    const store = await DirectoryStore.open(root, { lock: true });
    await rename(root, `${root}.old`);
    await assert.rejects(store.putIfAbsent('a', bytesOf('x')), MOVED);
    await rename(`${root}.old`, root);
    await assert.rejects(store.putIfAbsent('a', bytesOf('x')), MOVED);
    await store.close();
    await (await DirectoryStore.open(root, { lock: true })).close();
  });

  test('moved between the last check and the link, the object lands in the locked folder and is not acknowledged', async (t) => {
    if (process.platform !== 'linux') return t.skip('only Linux has paths to open folders');
    const store = await DirectoryStore.open(root, { lock: true });
    const real = fs.linkSync;
    mock.method(fs, 'linkSync', (from: string, to: string) => {
      fs.renameSync(root, `${root}.old`);
      fs.mkdirSync(root);
      real(from, to);
    });
    syncBuiltinESMExports();
    await assert.rejects(store.putIfAbsent('a', bytesOf('x')), { kind: 'unavailable' });
    assert.deepEqual(await readdir(root), []);
    assert.equal(await readFile(join(`${root}.old`, 'a'), 'utf8'), 'x');
    await store.close();
    await rm(`${root}.old`, { recursive: true });
  });

  test('no error shows the path of a descriptor', async () => {
    const store = await DirectoryStore.open(root, { lock: true });
    for (const call of ['openSync', 'linkSync'] as const) {
      const real = fs[call] as (...args: unknown[]) => unknown;
      mock.method(fs, call, (...args: unknown[]) => real('/nowhere/x', ...args.slice(1)));
      syncBuiltinESMExports();
      await assert.rejects(store.putIfAbsent('a/b', bytesOf('x')), (error: Error) => {
        assert.match(error.message, new RegExp(`^${root}/a/b: `));
        assert.doesNotMatch(error.message, /proc/);
        return true;
      });
      mock.restoreAll();
      syncBuiltinESMExports();
    }
    await store.close();
  });
});

describe('the note of the holder', () => {
  const note = () => join(root, '.lock.holder');

  test('names the process, the machine, its start and a beat, and goes with the lock', async () => {
    const store = await DirectoryStore.open(root, { lock: true });
    const { id, pid, host, boot_id, started_at, beat_ms, ...rest } = JSON.parse(await readFile(note(), 'utf8'));
    assert.deepEqual([pid, host, rest], [process.pid, hostname(), {}]);
    assert.equal(typeof id, 'string');
    assert.ok(boot_id === null || typeof boot_id === 'string');
    assert.ok(Date.parse(started_at) <= beat_ms);
    await store.close();
    assert.equal(fs.existsSync(note()), false);
  });

  test('beats while the store is open, without keeping the process alive', async () => {
    const store = await DirectoryStore.open(root, { lock: true });
    const first = await readFile(note(), 'utf8');
    for await (const _ of watchedFile(note())) if ((await readFile(note(), 'utf8')) !== first) break;
    const [before, after] = [JSON.parse(first), JSON.parse(await readFile(note(), 'utf8'))];
    assert.ok(after.beat_ms > before.beat_ms);
    assert.equal(after.id, before.id);
    await store.close();
  });

  test('of a live process on another machine, whose lock is not visible here: refused, with the process and the machine', async () => {
    const other = await beatElsewhere(root);
    try {
      await assert.rejects(DirectoryStore.open(root, { lock: true }), (error) => {
        assert.ok(error instanceof StoreError);
        assert.deepEqual([error.kind, error.code], ['refused', 'store_locked']);
        assert.match(error.message, /in use by process 4711 on elsewhere$/);
        return true;
      });
      assert.match(await readFile(note(), 'utf8'), /elsewhere/);
    } finally {
      await other.kill();
    }
  });

  test('of a machine that is gone: taken over after three beats without a change', async () => {
    const clock = new TurnedClock('2026-01-01T00:00:00Z');
    await writeFile(note(), noteFrom('elsewhere'));
    let open = false;
    const opening = DirectoryStore.open(root, { lock: true, clock }).then((store) => {
      open = true;
      return store;
    });
    await clock.turn(5 * SECOND_MS);
    assert.equal(open, false);
    await clock.turn(SECOND_MS);
    const store = await opening;
    await store.putIfAbsent('a', bytesOf('x'));
    assert.equal(JSON.parse(await readFile(note(), 'utf8')).host, hostname());
    await store.close();
  });

  test('that disappears while it is watched frees the place at once', async () => {
    const clock = new TurnedClock('2026-01-01T00:00:00Z');
    await writeFile(note(), noteFrom('elsewhere'));
    const opening = DirectoryStore.open(root, { lock: true, clock });
    await clock.turn(SECOND_MS);
    await unlink(note());
    await clock.turn(SECOND_MS);
    await (await opening).close();
  });

  test('of this machine is not waited for: its process is gone, or is this one', async () => {
    const clock = new TurnedClock('2026-01-01T00:00:00Z');
    const boot_id = fs.existsSync(BOOT) ? (await readFile(BOOT, 'utf8')).trim() : null;
    const gone = spawn(process.execPath, ['-e', '']);
    await once(gone, 'exit');
    const left = [
      noteFrom(hostname(), { pid: gone.pid!, boot_id }),
      noteFrom(hostname(), { pid: process.pid, boot_id }),
      // A container that was started again has another name, and the same kernel.
      ...(boot_id === null ? [] : [noteFrom('container', { pid: gone.pid!, boot_id })]),
      // Left by a power cut.
      noteFrom(hostname(), { boot_id: 'before', beat_ms: 1_000 }),
      // As written by monitors before the beat.
      JSON.stringify({ pid: gone.pid!, host: hostname() }),
      'half a no',
      'null',
    ];
    for (const text of left) {
      await writeFile(note(), text);
      await (await DirectoryStore.open(root, { lock: true, clock })).close();
    }
  });

  test('of a live process of this machine, through another mount, is watched like one of another machine', async () => {
    const boot_id = fs.existsSync(BOOT) ? (await readFile(BOOT, 'utf8')).trim() : null;
    const other = await beatElsewhere(root, { host: hostname(), pid: process.ppid, boot_id });
    try {
      await assert.rejects(DirectoryStore.open(root, { lock: true }), {
        code: 'store_locked',
        message: `${root} is in use by process ${process.ppid}`,
      });
    } finally {
      await other.kill();
    }
  });

  test('overwritten by another: the holder writes nothing more, and leaves the note alone', async () => {
    let late_ms = 0;
    const clock = { ...systemClock, monotonic: () => performance.now() + late_ms };
    const store = await DirectoryStore.open(root, { lock: true, clock });
    await store.putIfAbsent('a', bytesOf('x'));
    await writeFile(note(), noteFrom('elsewhere'));
    // As after a suspend of the machine: the timer has not run yet at the first write.
    late_ms = 5 * SECOND_MS;
    for (let tries = 0; tries < 2; tries++) {
      await assert.rejects(store.putIfAbsent('b', bytesOf('x')), {
        kind: 'refused',
        code: 'store_locked',
        message: `${root} is in use by process 4711 on elsewhere`,
      });
    }
    assert.equal(await textAt(store, 'a'), 'x');
    await store.close();
    assert.equal(await readFile(note(), 'utf8'), noteFrom('elsewhere'));
  });

  test('that was removed is written again by the next beat', async () => {
    let late_ms = 0;
    const clock = { ...systemClock, monotonic: () => performance.now() + late_ms };
    const store = await DirectoryStore.open(root, { lock: true, clock });
    await unlink(note());
    late_ms = 5 * SECOND_MS;
    await store.putIfAbsent('a', bytesOf('x'));
    assert.equal(JSON.parse(await readFile(note(), 'utf8')).pid, process.pid);
    await store.close();
  });
});

const BOOT = '/proc/sys/kernel/random/boot_id';

function noteFrom(host: string, more: object = {}): string {
  // Far ahead: the clocks of two machines need not agree.
  const beat_ms = 4_000_000_000_000;
  return `${JSON.stringify({ id: 'other', pid: 4711, host, boot_id: 'other', started_at: '', beat_ms, ...more })}\n`;
}

/** A process that keeps the note of a holder elsewhere beating. */
async function beatElsewhere(path: string, more: object = {}): Promise<Pick<Holder, 'kill'>> {
  const script = `
    const { writeFileSync, renameSync } = await import('node:fs');
    const note = ${JSON.stringify(join(path, '.lock.holder'))};
    const holder = JSON.parse(${JSON.stringify(noteFrom('elsewhere', more))});
    const beat = () => {
      holder.beat_ms += 2000;
      writeFileSync(note + '.next', JSON.stringify(holder));
      renameSync(note + '.next', note);
    };
    beat();
    setInterval(beat, 50);
    console.log('beating');`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return {
    async kill() {
      const closed = once(child, 'exit');
      child.kill('SIGKILL');
      await closed;
    },
  };
}

/** Yields at the beginning and whenever the file is written. */
async function* watchedFile(path: string): AsyncGenerator<void> {
  const watcher = fs.promises.watch(path);
  yield;
  for await (const _ of watcher) yield;
}

/** All files with their bytes, except the note and the lock. */
async function treeOf(path: string): Promise<[string, string][]> {
  if (!fs.existsSync(path)) return [];
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && !entry.name.startsWith('.lock'));
  const read = files.map(async ({ parentPath, name }): Promise<[string, string]> => {
    return [join(parentPath, name), await readFile(join(parentPath, name), 'utf8')];
  });
  return (await Promise.all(read)).sort();
}

type Holder = { pid: number; kill(): Promise<void>; acknowledged(count: number): Promise<string[]> };

/** Another process that holds the lock and writes one key after the other, printing each acknowledged one. */
async function holdInAnotherProcess(path: string, options: { writeFrom?: number } = {}): Promise<Holder> {
  const script = `
    const { DirectoryStore } = await import(${JSON.stringify(new URL('directory.ts', import.meta.url).href)});
    const store = await DirectoryStore.open(${JSON.stringify(path)}, { lock: true });
    console.log('locked');
    for (let n = ${options.writeFrom ?? 'Infinity'}; n < Infinity; n++) {
      const key = 'journal/' + String(n).padStart(20, '0');
      await store.putIfAbsent(key, new TextEncoder().encode('bytes of ' + key));
      console.log(key);
    }
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  assert.equal((await lines.next()).value, 'locked');
  return {
    pid: child.pid!,
    async kill() {
      const closed = once(child, 'exit');
      child.kill('SIGKILL');
      await closed;
    },
    async acknowledged(count) {
      const keys: string[] = [];
      while (keys.length < count) keys.push((await lines.next()).value as string);
      return keys;
    },
  };
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
