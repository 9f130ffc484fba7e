/**
 * Objects as files under one directory: the default store, for one machine.
 *
 * To create an object: write a temporary file, fdatasync it, `link(2)` it to its name (EEXIST: it exists already),
 * fsync the folder, then return. The link makes it atomic, and the order makes it durable: a name never shows bytes
 * that a power cut could take. For an existing name the folder is synced too before the call returns, because its
 * creator's own sync may have failed.
 *
 *     <root>/<key>          the objects, as they are: `cat`, `cp -a` and a backup work
 *     <root>/.tmp/          files being written           <root>/.lock, .lock.holder    see directory-lock.ts, directory-holder.ts
 *
 * With the lock, every call goes through the locked folder, and its identity is compared with what is at the store's
 * path before an object gets its name and again before the write is acknowledged (9 µs in all). So nothing is
 * acknowledged after the folder was moved, removed or replaced (`store_moved`).
 *
 * Only reads and waits for the disk (fdatasync, fsync) go through the thread pool: waking a thread costs several times
 * as much as a short system call. A caller with other work opens the store in a thread (store-thread.ts).
 *
 * Measured one after the other on a virtual disk with ext4: 0.3 ms a create, 1,700 to 3,500 a second depending on the
 * disk. On a file system that ignores case two keys differing only in case are one; the journal's keys are digits, so
 * only views of ids so chosen would meet.
 */
import { linkSync, renameSync, statSync, unlinkSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Clock, systemClock } from '../clock.ts';
import { codeOf, readError, unknownEffect, writeError } from './directory-errors.ts';
import { inspectFileSystem } from './directory-file-system.ts';
import { datasync, type TemporaryFile, TemporaryFiles } from './directory-files.ts';
import { assertFolder, DurableFolders, makeFolder, makeRoot, removeFolders } from './directory-folders.ts';
import { walk } from './directory-list.ts';
import { DirectoryLock } from './directory-lock.ts';
import {
  assertKey,
  assertPrefix,
  type GetResult,
  type ListedObject,
  type ListOptions,
  type ObjectStore,
  type PutIfAbsentResult,
  StoreError,
  type StoreFinding,
} from './store.ts';

/**
 * A folder that is removed during a put is created again. More attempts than this mean that something else is wrong.
 */
const ATTEMPTS = 20;

export type DirectoryOptions = {
  /**
   * Be the only writer. Without the lock nothing is created before the first write, and a read-only directory can be
   * opened.
   */
  lock: boolean;
  /** Make the directory if it does not exist. Defaults to `lock`. */
  create?: boolean;
  /** For the beat of the lock. */
  clock?: Clock;
};

export class DirectoryStore implements ObjectStore {
  readonly url: string;
  readonly shared = false;
  /** The store's path, for messages and addresses; calls go through `#folder`. */
  readonly #root: string;
  readonly #folder: string;
  readonly #temporary: TemporaryFiles;
  readonly #folders: DurableFolders;
  readonly #lock: DirectoryLock | undefined;
  #prepared: boolean;

  private constructor(root: string, temporary: TemporaryFiles, lock: DirectoryLock | undefined) {
    this.url = `dir:${root}`;
    this.#root = root;
    this.#folder = lock?.folder ?? root;
    this.#temporary = temporary;
    this.#folders = new DurableFolders(this.#folder, { keep: lock !== undefined });
    this.#lock = lock;
    this.#prepared = lock !== undefined;
  }

  /**
   * With the lock, throws if another process has locked the directory (`store_locked`), if it can't be written, or if
   * its file system can't hold a store; whatever was made until then is removed. Without `create`, throws
   * `store_not_found` if it does not exist.
   */
  static async open(path: string, options: DirectoryOptions): Promise<DirectoryStore> {
    const { lock: locked, create = locked, clock = systemClock } = options;
    const root = resolve(path);
    const made = create ? await makeRoot(root) : [];
    assertFolder(root);
    if (!locked) return new DirectoryStore(root, new TemporaryFiles({ folder: root, root }), undefined);
    let lock: DirectoryLock;
    try {
      lock = await DirectoryLock.take(root, clock);
    } catch (error) {
      removeFolders(made);
      throw error;
    }
    const temporary = new TemporaryFiles({ folder: lock.folder, root });
    try {
      temporary.prepare();
      temporary.sweep();
      return new DirectoryStore(root, temporary, lock);
    } catch (error) {
      temporary.removeFolder();
      lock.release({ forget: true });
      removeFolders(made);
      throw writeError(error, root);
    }
  }

  async putIfAbsent(key: string, bytes: Uint8Array): Promise<PutIfAbsentResult> {
    assertKey(key);
    const path = join(this.#folder, key);
    let file = await this.#writeDurably(bytes, key);
    try {
      for (let attempt = 1; ; attempt++) {
        this.#assertHeld();
        const failure = failureOf(() => linkSync(file.path, path));
        if (failure === undefined || codeOf(failure) === 'EEXIST') {
          if (failure && this.#isFolder(path, key)) continue;
          await this.#sync(dirname(path), key);
          this.#assertAcknowledged(key);
          return { created: failure === undefined, server_ms: Date.now() };
        }
        if (codeOf(failure) !== 'ENOENT' || attempt === ATTEMPTS) throw this.#inTheWay(failure, key);
        this.#makeFolder(path, key);
        if (attempt % 2 === 0) {
          // The folder exists, so the temporary file is gone: swept by a process that took the lock after us.
          this.#temporary.release(file, { renamed: true });
          file = await this.#writeDurably(bytes, key);
        }
      }
    } finally {
      this.#temporary.release(file, { renamed: false });
    }
  }

  async get(key: string): Promise<GetResult> {
    assertKey(key);
    try {
      const handle = await open(join(this.#folder, key), 'r');
      try {
        const file = await handle.stat();
        if (!file.isFile()) return this.#absent();
        const bytes = await handle.readFile();
        return { found: true, bytes, last_modified_ms: Math.floor(file.mtimeMs), server_ms: Date.now() };
      } finally {
        await handle.close();
      }
    } catch (error) {
      if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return this.#absent();
      throw readError(error, this.#shown(key));
    }
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncIterable<ListedObject> {
    assertPrefix(prefix);
    if (options.after !== undefined) assertPrefix(options.after);
    this.#assertHeld();
    yield* walk({ root: this.#folder, shown: this.#root, prefix, after: options.after ?? '' });
    this.#assertHeld();
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    assertKey(key);
    const path = join(this.#folder, key);
    let file = this.#write(bytes, key);
    let renamed = false;
    try {
      for (let attempt = 1; !renamed; attempt++) {
        this.#assertHeld();
        const failure = failureOf(() => renameSync(file.path, path));
        renamed = failure === undefined;
        if (renamed) break;
        if (attempt === ATTEMPTS) throw this.#inTheWay(failure, key);
        if (codeOf(failure) === 'EISDIR' && this.#isFolder(path, key)) continue;
        if (codeOf(failure) !== 'ENOENT') throw this.#inTheWay(failure, key);
        this.#makeFolder(path, key);
        if (attempt % 2 === 0) {
          this.#temporary.release(file, { renamed: true });
          file = this.#write(bytes, key);
        }
      }
    } finally {
      this.#temporary.release(file, { renamed });
    }
  }

  async delete(key: string): Promise<void> {
    assertKey(key);
    const path = join(this.#folder, key);
    this.#assertHeld();
    try {
      unlinkSync(path);
    } catch (error) {
      if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes(codeOf(error))) return;
      throw writeError(error, this.#shown(key));
    }
    this.#removeEmptyFolders(dirname(path));
  }

  locate(key: string): string {
    assertKey(key);
    return pathToFileURL(join(this.#root, key)).href;
  }

  async inspect(): Promise<StoreFinding[]> {
    return inspectFileSystem(this.#root);
  }

  async close(): Promise<void> {
    await this.#folders.close();
    if (this.#lock) this.#lock.release();
    else this.#temporary.removeFolder();
  }

  #shown(key: string): string {
    return join(this.#root, key);
  }

  #assertHeld(): void {
    this.#lock?.assertHeld();
  }

  /** Before a write is acknowledged: it is in the locked folder, which may no longer be the store. */
  #assertAcknowledged(key: string): void {
    try {
      this.#assertHeld();
    } catch (error) {
      throw unknownEffect(error, this.#shown(key));
    }
  }

  /** An object that is missing from a folder that was removed or replaced may still be in the store. */
  #absent(): GetResult {
    this.#assertHeld();
    return { found: false, server_ms: Date.now() };
  }

  #write(bytes: Uint8Array, key: string): TemporaryFile {
    try {
      if (!this.#prepared) this.#temporary.prepare();
      this.#prepared = true;
      return this.#temporary.write(bytes);
    } catch (error) {
      // Nothing can be written to a folder that was removed: report that instead.
      this.#assertHeld();
      throw writeError(error, this.#shown(key));
    }
  }

  async #writeDurably(bytes: Uint8Array, key: string): Promise<TemporaryFile> {
    const file = this.#write(bytes, key);
    try {
      await datasync(file.fd);
      return file;
    } catch (error) {
      this.#temporary.release(file, { renamed: false });
      throw writeError(error, this.#shown(key));
    }
  }

  async #sync(folder: string, key: string): Promise<void> {
    try {
      await this.#folders.sync(folder);
    } catch (error) {
      // The object was deleted and its folder removed in the meantime: nothing is left to make durable.
      if (codeOf(error) !== 'ENOENT') throw unknownEffect(error, this.#shown(key));
    }
  }

  #makeFolder(path: string, key: string): void {
    try {
      makeFolder(dirname(path), this.#folder);
    } catch (error) {
      throw this.#inTheWay(error, key);
    }
  }

  #inTheWay(error: unknown, key: string): StoreError {
    if (['ENOTDIR', 'EEXIST', 'EISDIR'].includes(codeOf(error)))
      return conflict(key, 'an object is in its path', error);
    return writeError(error, this.#shown(key));
  }

  /** Returns true if the name was that of an empty folder, which is removed. Throws if the folder is in use. */
  #isFolder(path: string, key: string): boolean {
    if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return false;
    this.#folders.remove(path);
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory())
      throw conflict(key, 'it is the folder of other objects');
    return true;
  }

  #removeEmptyFolders(from: string): void {
    let folder = from;
    while (folder !== this.#folder && this.#folders.remove(folder)) folder = dirname(folder);
  }
}

/** The error of a call whose failure is an expected result, or undefined. */
function failureOf(call: () => void): unknown {
  try {
    call();
    return undefined;
  } catch (error) {
    return error;
  }
}

function conflict(key: string, why: string, cause?: unknown): StoreError {
  return new StoreError('refused', 'key_conflict', `${key} can't be kept: ${why}`, { cause });
}
