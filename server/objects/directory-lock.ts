/**
 * One writer to a directory store: a lock of the operating system, which dies with the process that holds it.
 *
 * `.lock` is an empty SQLite database with an exclusive transaction held open: SQLite takes the right kind of lock on
 * each system, and Node includes it. The kernel releases it when the process dies, so it is never stale. No other code
 * may open `.lock` once it exists: POSIX drops a process's locks on a file when it closes *any* descriptor of it.
 *
 * A lock belongs to a file, not to a path, so the lock and the folder are held together:
 *
 * - `folder` leads to the locked folder through an open descriptor, even after it was moved. On systems without such paths (all but
 *   Linux) it is the root's path.
 * - `assertHeld` compares what is at the root's path with what was locked. If it was moved, removed or replaced, the lock is lost for good.
 */
import { closeSync, fstatSync, openSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../clock.ts';
import { codeOf, writeError } from './directory-errors.ts';
import { BEAT_MS, type Holder, HolderNote, nameOf, readHolder } from './directory-holder.ts';
import { StoreError } from './store.ts';

const SQLITE_BUSY = 5;
const SQLITE_READONLY = 8;

const ATTEMPTS = 3;

/** After a longer pause than this the note is read before anything is written: another machine may have taken over. */
const LATE_MS = 2 * BEAT_MS;

type Identity = { dev: bigint; ino: bigint };

export class DirectoryLock {
  /** The path through which every file of the store is reached. */
  readonly folder: string;
  readonly #root: string;
  readonly #clock: Clock;
  readonly #fd: number | null;
  readonly #created: boolean;
  readonly #database: DatabaseSync;
  readonly #held: { root: Identity; lock: Identity };
  readonly #note: HolderNote;
  #timer: NodeJS.Timeout | undefined;
  #beaten_ms = 0;
  #lost: StoreError | null = null;

  /**
   * Throws `store_locked`, `store_read_only`, `store_moved`, or `store_lock_failed` where the file system has no locks.
   */
  static async take(root: string, clock: Clock): Promise<DirectoryLock> {
    for (let attempt = 1; ; attempt++) {
      const lock = new DirectoryLock(root, clock);
      try {
        if (lock.#isInPlace()) {
          await lock.#begin();
          return lock;
        }
        // It was replaced just now; or it is on overlayfs, where a file of the image becomes a different one when first
        // opened for writing.
        if (attempt === ATTEMPTS) throw moved(root);
      } catch (error) {
        lock.release();
        throw error;
      }
      lock.release();
    }
  }

  private constructor(root: string, clock: Clock) {
    const path = join(root, '.lock');
    this.#root = root;
    this.#clock = clock;
    this.#fd = openFolder(root);
    let created = false;
    try {
      created = createLockFile(path);
      this.#held = { root: identityOf(root, this.#fd), lock: identityOf(path, null) };
      this.#database = lockFile(root, path);
    } catch (error) {
      if (created && (error as StoreError).code !== 'store_locked') removeQuietly(path);
      if (this.#fd !== null) closeSync(this.#fd);
      throw error;
    }
    this.#created = created;
    this.folder = pathOfOpen(this.#fd, this.#held.root) ?? root;
    this.#note = new HolderNote(this.folder, clock);
  }

  /** Throws unless the locked folder is at the store's path and no other process has taken it over. Costs two stats. */
  assertHeld(): void {
    if (this.#lost === null && this.#clock.monotonic() - this.#beaten_ms > LATE_MS) this.#beat();
    if (this.#lost === null && !this.#isInPlace()) this.#lose(moved(this.#root));
    if (this.#lost !== null) throw this.#lost;
  }

  /** With `forget`, also removes a lock file that this process made: the folder has turned out to be unusable. */
  release({ forget = false }: { forget?: boolean } = {}): void {
    clearInterval(this.#timer);
    this.#note.remove();
    if (forget && this.#created && this.#lost === null) removeQuietly(join(this.folder, '.lock'));
    this.#database.close();
    if (this.#fd !== null) closeSync(this.#fd);
  }

  async #begin(): Promise<void> {
    const holder = await this.#note.findLiveHolder();
    if (holder) throw lockedBy(this.#root, holder);
    this.#note.write();
    this.#beaten_ms = this.#clock.monotonic();
    this.#timer = setInterval(() => this.#beat(), BEAT_MS).unref();
  }

  #beat(): void {
    const other = this.#note.beat();
    this.#beaten_ms = this.#clock.monotonic();
    if (other) this.#lose(lockedBy(this.#root, other));
  }

  #isInPlace(): boolean {
    try {
      return same(stat(this.#root), this.#held.root) && same(stat(join(this.#root, '.lock')), this.#held.lock);
    } catch (error) {
      throw writeError(error, this.#root);
    }
  }

  #lose(error: StoreError): void {
    clearInterval(this.#timer);
    this.#lost = error;
  }
}

/** Returns null where a folder can't be opened (Windows). */
function openFolder(root: string): number | null {
  try {
    return openSync(root, 'r');
  } catch (error) {
    if (['EISDIR', 'EPERM', 'EACCES'].includes(codeOf(error))) return null;
    throw writeError(error, root);
  }
}

/** Returns false if it exists already. */
function createLockFile(path: string): boolean {
  try {
    closeSync(openSync(path, 'wx'));
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw writeError(error, path);
  }
}

function lockFile(root: string, path: string): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { timeout: 0 });
    database.exec('BEGIN EXCLUSIVE');
    return database;
  } catch (error) {
    database?.close();
    const { errcode } = error as { errcode?: number };
    if (errcode === SQLITE_BUSY) throw lockedBy(root, readHolder(join(root, '.lock.holder')));
    if (errcode !== undefined && (errcode & 0xff) === SQLITE_READONLY) {
      throw writeError(Object.assign(new Error('read-only'), { code: 'EROFS' }), path);
    }
    throw new StoreError('refused', 'store_lock_failed', `${root} can't be locked: ${(error as Error).message}`, {
      hint: 'put the store on a local disk, or on a network file system with locks',
      cause: error,
    });
  }
}

function removeQuietly(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // It has become read-only.
  }
}

/** A path that leads to an open folder wherever it is moved; undefined if the system has no such paths. */
function pathOfOpen(fd: number | null, held: Identity): string | undefined {
  const path = `/proc/self/fd/${fd}`;
  try {
    return same(stat(`${path}/.`), held) ? path : undefined;
  } catch {
    return undefined;
  }
}

function stat(path: string): Identity | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false });
}

function identityOf(path: string, fd: number | null): Identity {
  const found = fd === null ? stat(path) : fstatSync(fd, { bigint: true });
  if (!found) throw moved(path);
  return { dev: found.dev, ino: found.ino };
}

function same(a: Identity | undefined, b: Identity): boolean {
  return a !== undefined && a.dev === b.dev && a.ino === b.ino;
}

function moved(root: string): StoreError {
  const message = `${root} is not the folder that this process locked: it was moved, removed or replaced`;
  return new StoreError('refused', 'store_moved', message, {
    hint: 'stop the monitor, make sure that the folder with the right journal is at this path, then start it again',
  });
}

function lockedBy(root: string, holder: Holder | null): StoreError {
  // Without a note, the lock is being taken just now or the note could not be written.
  const other = 'give this one a store of its own (--store dir:PATH)';
  const hint = holder
    ? `stop it first (kill ${holder.pid}), or ${other}`
    : `stop the other monitor on this directory first, or ${other}`;
  const by = holder ? nameOf(holder) : 'another process';
  return new StoreError('refused', 'store_locked', `${root} is in use by ${by}`, { hint });
}
