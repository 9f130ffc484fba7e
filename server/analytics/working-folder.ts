/**
 * A folder for the temporary files of one reader. A reader that is killed can't remove its folder, so each has a lock file beside
 * it, whose lock the operating system releases with the process: taking a folder first removes those whose lock is free.
 *
 *     ROOT/01JZK4….lock   an empty SQLite database with an exclusive transaction held open, as the lock of a directory store
 *     ROOT/01JZK4…/
 */
import { rmSync, statSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { newUlid } from '../ids.ts';

const LOCK = '.lock';

export class WorkingFolder {
  readonly path: string;
  readonly #lock: DatabaseSync;

  static async take(root: string): Promise<WorkingFolder> {
    await mkdir(root, { recursive: true, mode: 0o700 });
    await removeAbandoned(root);
    for (;;) {
      const path = join(root, newUlid());
      const lock = lockOf(path, { create: true });
      // Another process may have taken the new lock for an abandoned one.
      if (!lock) continue;
      await mkdir(path, { mode: 0o700 });
      return new WorkingFolder(path, lock);
    }
  }

  private constructor(path: string, lock: DatabaseSync) {
    this.path = path;
    this.#lock = lock;
  }

  /** At once, for a process that is about to exit. */
  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
    rmSync(this.path + LOCK, { force: true });
    if (this.#lock.isOpen) this.#lock.close();
  }
}

async function removeAbandoned(root: string): Promise<void> {
  for (const name of await readdir(root)) {
    if (!name.endsWith(LOCK)) continue;
    const path = join(root, name.slice(0, -LOCK.length));
    const lock = lockOf(path, { create: false });
    if (!lock) continue;
    await rm(path, { recursive: true, force: true });
    await rm(path + LOCK, { force: true });
    lock.close();
  }
}

/** null if another process has the lock, or removed it a moment ago. */
function lockOf(path: string, { create }: { create: boolean }): DatabaseSync | null {
  if (!create && inodeOf(path) === undefined) return null;
  const lock = new DatabaseSync(path + LOCK, { timeout: 0 });
  const inode = inodeOf(path);
  try {
    lock.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    if (inode !== undefined && inodeOf(path) === inode) return lock;
  } catch (error) {
    if ((error as { errcode?: number }).errcode !== SQLITE_BUSY) {
      lock.close();
      throw error;
    }
  }
  lock.close();
  return null;
}

const SQLITE_BUSY = 5;

const inodeOf = (path: string): bigint | undefined =>
  statSync(path + LOCK, { bigint: true, throwIfNoEntry: false })?.ino;
