/**
 * Objects as files under one directory: the default store, for one machine.
 *
 * Creating: write a temporary file, fdatasync it, `link(2)` it to its name (EEXIST: another was first), fsync the folder, then
 * answer. The link is what makes it atomic, and the order is what makes it durable: a name never shows bytes that a power
 * cut could take. An existing name is answered only after its folder is synced too, for its creator's own sync may have failed.
 *
 *     <root>/<key>          the objects, as they are: `cat`, `cp -a` and a backup work
 *     <root>/.tmp/          files being written           <root>/.lock, .lock.holder    see directory-lock.ts
 *
 * Only what waits for the disk (fdatasync, fsync) and reading goes through the thread pool: to wake a thread costs several times
 * what a short system call does. So whoever has other things to do opens it in a thread (store-thread.ts).
 *
 * Measured one after the other on a virtual disk with ext4: 0.3 ms a create, 1,700 to 3,500 a second by the disk's mood. On a file system that ignores case two keys differing
 * only in case are one; the journal's keys are digits, so only views of ids so chosen would meet.
 */
import { linkSync, mkdirSync, renameSync, statSync, unlinkSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { codeOf, readError, unknownEffect, writeError } from './directory-errors.ts';
import { DurableFolders, datasync, syncFolder, type TemporaryFile, TemporaryFiles } from './directory-files.ts';
import { walk } from './directory-list.ts';
import { lockDirectory } from './directory-lock.ts';
import {
  assertKey,
  assertPrefix,
  type GetResult,
  type ListedObject,
  type ListOptions,
  type ObjectStore,
  type PutIfAbsentResult,
  StoreError,
} from './store.ts';

/** A folder removed under a put is made again and the put goes on; so often only if something else is wrong. */
const ATTEMPTS = 20;

export class DirectoryStore implements ObjectStore {
  readonly url: string;
  readonly shared = false;
  readonly #root: string;
  readonly #temporary: TemporaryFiles;
  readonly #folders: DurableFolders;
  readonly #unlock: (() => void) | undefined;

  private constructor(root: string, temporary: TemporaryFiles, unlock: (() => void) | undefined) {
    this.url = `dir:${root}`;
    this.#root = root;
    this.#temporary = temporary;
    this.#folders = new DurableFolders(root, { keep: unlock !== undefined });
    this.#unlock = unlock;
  }

  /**
   * Makes the directory if there is none. With `lock`, refuses a directory that another process has locked (`store_locked`)
   * or that can't be written; without, a read-only one can be opened, and its writes are refused.
   */
  static async open(path: string, options: { lock: boolean }): Promise<DirectoryStore> {
    const root = resolve(path);
    const temporary = new TemporaryFiles(root);
    try {
      await makeRoot(root);
    } catch (error) {
      if (!['EEXIST', 'ENOTDIR'].includes(codeOf(error))) throw writeError(error, root);
      throw new StoreError('refused', 'store_not_a_directory', `${root} is a file, or a file is in its path`, {
        hint: 'name a directory: --store dir:PATH',
        cause: error,
      });
    }
    try {
      temporary.prepare();
    } catch (error) {
      const readable = error instanceof StoreError && ['store_read_only', 'store_full'].includes(error.code);
      if (options.lock || !readable) throw error;
    }
    if (!options.lock) return new DirectoryStore(root, temporary, undefined);
    const unlock = lockDirectory(root);
    try {
      temporary.sweep();
    } catch (error) {
      unlock();
      throw writeError(error, root);
    }
    return new DirectoryStore(root, temporary, unlock);
  }

  async putIfAbsent(key: string, bytes: Uint8Array): Promise<PutIfAbsentResult> {
    assertKey(key);
    const path = join(this.#root, key);
    let file = await this.#writeDurably(bytes, path);
    try {
      for (let attempt = 1; ; attempt++) {
        const failure = failureOf(() => linkSync(file.path, path));
        if (failure === undefined || codeOf(failure) === 'EEXIST') {
          if (failure && this.#isFolder(path, key)) continue;
          await this.#sync(dirname(path), path);
          return { created: failure === undefined, server_ms: Date.now() };
        }
        if (codeOf(failure) !== 'ENOENT' || attempt === ATTEMPTS) throw inTheWay(failure, path, key);
        this.#makeFolder(path, key);
        if (attempt % 2 === 0) {
          // The folder is there, so it is the temporary file that is gone: swept by one who took the lock after us.
          this.#temporary.release(file, { renamed: true });
          file = await this.#writeDurably(bytes, path);
        }
      }
    } finally {
      this.#temporary.release(file, { renamed: false });
    }
  }

  async get(key: string): Promise<GetResult> {
    assertKey(key);
    const path = join(this.#root, key);
    try {
      const handle = await open(path, 'r');
      try {
        const file = await handle.stat();
        if (!file.isFile()) return { found: false, server_ms: Date.now() };
        const bytes = await handle.readFile();
        return { found: true, bytes, last_modified_ms: Math.floor(file.mtimeMs), server_ms: Date.now() };
      } finally {
        await handle.close();
      }
    } catch (error) {
      if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return { found: false, server_ms: Date.now() };
      throw readError(error, path);
    }
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncIterable<ListedObject> {
    assertPrefix(prefix);
    if (options.after !== undefined) assertPrefix(options.after);
    yield* walk({ root: this.#root, prefix, after: options.after ?? '' });
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    assertKey(key);
    const path = join(this.#root, key);
    let file = this.#write(bytes, path);
    let renamed = false;
    try {
      for (let attempt = 1; !renamed; attempt++) {
        const failure = failureOf(() => renameSync(file.path, path));
        renamed = failure === undefined;
        if (renamed) break;
        if (attempt === ATTEMPTS) throw inTheWay(failure, path, key);
        if (codeOf(failure) === 'EISDIR' && this.#isFolder(path, key)) continue;
        if (codeOf(failure) !== 'ENOENT') throw inTheWay(failure, path, key);
        this.#makeFolder(path, key);
        if (attempt % 2 === 0) {
          this.#temporary.release(file, { renamed: true });
          file = this.#write(bytes, path);
        }
      }
    } finally {
      this.#temporary.release(file, { renamed });
    }
  }

  async delete(key: string): Promise<void> {
    assertKey(key);
    const path = join(this.#root, key);
    try {
      unlinkSync(path);
    } catch (error) {
      if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes(codeOf(error))) return;
      throw writeError(error, path);
    }
    this.#removeEmptyFolders(dirname(path));
  }

  locate(key: string): string {
    assertKey(key);
    return pathToFileURL(join(this.#root, key)).href;
  }

  async close(): Promise<void> {
    await this.#folders.close();
    this.#unlock?.();
  }

  #write(bytes: Uint8Array, path: string): TemporaryFile {
    try {
      return this.#temporary.write(bytes);
    } catch (error) {
      throw writeError(error, path);
    }
  }

  async #writeDurably(bytes: Uint8Array, path: string): Promise<TemporaryFile> {
    const file = this.#write(bytes, path);
    try {
      await datasync(file.fd);
      return file;
    } catch (error) {
      this.#temporary.release(file, { renamed: false });
      throw writeError(error, path);
    }
  }

  async #sync(folder: string, path: string): Promise<void> {
    try {
      await this.#folders.sync(folder);
    } catch (error) {
      // The object was deleted and its folder removed since: there is nothing left to make durable.
      if (codeOf(error) !== 'ENOENT') throw unknownEffect(error, path);
    }
  }

  #makeFolder(path: string, key: string): void {
    try {
      mkdirSync(dirname(path), { recursive: true });
    } catch (error) {
      throw inTheWay(error, path, key);
    }
  }

  /** True if the name was taken by a folder with nothing in it, which is now removed; a folder in use is a conflict. */
  #isFolder(path: string, key: string): boolean {
    if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return false;
    this.#folders.remove(path);
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory())
      throw conflict(key, 'it is the folder of other objects');
    return true;
  }

  #removeEmptyFolders(from: string): void {
    let folder = from;
    while (folder !== this.#root && this.#folders.remove(folder)) folder = dirname(folder);
  }
}

/** The error, or nothing: a name is made or isn't, so its failure is an answer. */
function failureOf(call: () => void): unknown {
  try {
    call();
    return undefined;
  } catch (error) {
    return error;
  }
}

function inTheWay(error: unknown, path: string, key: string): StoreError {
  if (['ENOTDIR', 'EEXIST', 'EISDIR'].includes(codeOf(error))) return conflict(key, 'an object is in its path', error);
  return writeError(error, path);
}

function conflict(key: string, why: string, cause?: unknown): StoreError {
  return new StoreError('refused', 'key_conflict', `${key} can't be kept: ${why}`, { cause });
}

/** Makes the directory and its parents, each durable in the one above. */
async function makeRoot(root: string): Promise<void> {
  const first = mkdirSync(root, { recursive: true });
  if (first === undefined) return;
  for (let folder = root; ; folder = dirname(folder)) {
    await syncFolder(dirname(folder));
    if (folder === first) return;
  }
}
