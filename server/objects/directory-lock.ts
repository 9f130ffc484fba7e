/**
 * One writer to a directory store: a lock of the operating system, which dies with the process that holds it.
 *
 * `.lock` is an empty SQLite database with an exclusive transaction held open: SQLite takes the right kind of lock on each
 * system, and Node ships it. The kernel gives it up at the process's death, so nothing is ever stale. No other code may
 * open `.lock`: POSIX drops a process's locks on a file when it closes *any* descriptor of it.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { StoreError } from './store.ts';

const SQLITE_BUSY = 5;

/** Takes the lock and answers how to give it up, or throws `store_locked`. */
export function lockDirectory(root: string): () => void {
  const holderPath = join(root, '.lock.holder');
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(join(root, '.lock'), { timeout: 0 });
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database?.close();
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) throw lockedBy(root, holderPath);
    throw new StoreError('refused', 'store_lock_failed', `${root} can't be locked: ${(error as Error).message}`, {
      hint: 'put the store on a local disk, or on a network file system with locks',
      cause: error,
    });
  }
  try {
    writeFileSync(holderPath, JSON.stringify({ pid: process.pid, host: hostname() }));
  } catch {
    // Only for the words of the next one's error: a full disk must not keep the monitor from starting to serve reads.
    rmSync(holderPath, { force: true });
  }
  const held = database;
  return () => {
    rmSync(holderPath, { force: true });
    held.close();
  };
}

function lockedBy(root: string, holderPath: string): StoreError {
  let by = 'another process';
  let hint = 'stop the other monitor on this directory first, or give this one a store of its own (--store dir:PATH)';
  try {
    const holder = JSON.parse(readFileSync(holderPath, 'utf8')) as { pid: number; host: string };
    by = `process ${holder.pid}${holder.host === hostname() ? '' : ` on ${holder.host}`}`;
    hint = `stop it first (kill ${holder.pid}), or give this one a store of its own (--store dir:PATH)`;
  } catch {
    // It is just being taken, or the note could not be written: the lock itself is what counts.
  }
  return new StoreError('refused', 'store_locked', `${root} is in use by ${by}`, { hint });
}
