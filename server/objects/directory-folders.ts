/** Folders of a directory store: made one by one, made durable, and removed when empty. */
import { mkdirSync, rmdirSync, statSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf, writeError } from './directory-errors.ts';
import { StoreError } from './store.ts';

const FOLDERS_KEPT = 64;

/** Errors for a path at which no folder can ever be made. */
const IMPOSSIBLE = new Set(['ELOOP', 'ENOENT', 'EEXIST', 'ENAMETOOLONG', 'EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/**
 * Makes the root of a store and the missing folders above it, each durable in its parent. Returns those it made, the
 * uppermost first.
 *
 * One by one, as in `makeFolder`: Node's recursive `mkdir` never returns on a file system that fails with ENOENT
 * (/proc), and reports ENOENT for a read-only one (EROFS).
 */
export async function makeRoot(root: string): Promise<string[]> {
  const missing: string[] = [];
  for (let folder = root; !isFolder(folder, root); folder = dirname(folder)) missing.unshift(folder);
  const made: string[] = [];
  try {
    for (const folder of missing) if (makeOne(folder, root)) made.push(folder);
    for (const folder of made) await syncFolder(dirname(folder));
    return made;
  } catch (error) {
    removeFolders(made);
    throw writeError(error, root);
  }
}

/** Undoes `makeRoot`, up to the first folder that is not empty. */
export function removeFolders(made: readonly string[]): void {
  try {
    for (const folder of made.toReversed()) rmdirSync(folder);
  } catch {
    // In use by another process.
  }
}

/** Throws `store_not_found` if the folder does not exist. */
export function assertFolder(root: string): void {
  if (isFolder(root, root)) return;
  throw new StoreError('refused', 'store_not_found', `${root} does not exist`, {
    hint: 'check the path; nothing was created. `tmon serve --store dir:PATH` creates a store',
  });
}

/** Returns false if it does not exist. Throws `store_not_a_directory` if a file is in its place or in its path. */
function isFolder(folder: string, root: string): boolean {
  let found: ReturnType<typeof statSync>;
  try {
    found = statSync(folder, { throwIfNoEntry: false });
  } catch (error) {
    throw IMPOSSIBLE.has(codeOf(error)) ? notCreatable(root, error) : writeError(error, root);
  }
  if (found?.isDirectory()) return true;
  if (found === undefined) return false;
  throw new StoreError('refused', 'store_not_a_directory', `${root} is a file, or a file is in its path`, {
    hint: 'name a directory: --store dir:PATH',
  });
}

/** Returns whether this call made it. */
function makeOne(folder: string, root: string): boolean {
  try {
    mkdirSync(folder);
    return true;
  } catch (error) {
    // Made by another process meanwhile, or a dangling link.
    if (codeOf(error) === 'EEXIST' && isFolder(folder, root)) return false;
    throw IMPOSSIBLE.has(codeOf(error)) ? notCreatable(root, error, folder) : error;
  }
}

function notCreatable(root: string, error: unknown, folder = root): StoreError {
  const message = `${root} can't be created: ${folder} can't be made a folder (${codeOf(error)})`;
  return new StoreError('refused', 'store_not_creatable', message, {
    hint: 'name a directory on a disk: --store dir:PATH',
    cause: error,
  });
}

/**
 * Makes a folder below `root`, and those missing in between. If another process removes one at the same time, it is
 * left missing: the caller tries again.
 */
export function makeFolder(folder: string, root: string): void {
  try {
    mkdirSync(folder);
    return;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return;
    if (codeOf(error) !== 'ENOENT') throw error;
  }
  if (folder === root) return;
  makeFolder(dirname(folder), root);
  try {
    mkdirSync(folder);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST' && codeOf(error) !== 'ENOENT') throw error;
  }
}

/**
 * Makes entries of folders durable. A folder seen for the first time may itself be new, so its parents up to the root
 * are synced with it, and then its descriptor is kept. That is correct only while no other process removes folders, so
 * without the lock (`keep: false`) every sync opens them again.
 */
export class DurableFolders {
  readonly #root: string;
  readonly #keep: boolean;
  readonly #handles = new Map<string, FileHandle>();
  /**
   * How many folders have been removed: a descriptor opened before the last removal may be of a folder that is gone.
   */
  #removals = 0;

  constructor(root: string, options: { keep: boolean }) {
    this.#root = root;
    this.#keep = options.keep;
  }

  /** Makes every entry that `folder` has now durable, and the folder itself. */
  async sync(folder: string): Promise<void> {
    const kept = this.#handles.get(folder);
    if (kept) return await kept.sync();
    const removals = this.#removals;
    for (let above = folder; above !== this.#root; ) {
      above = dirname(above);
      await syncFolder(above);
    }
    const handle = await open(folder, 'r');
    await handle.sync();
    if (!this.#keep || removals !== this.#removals || this.#handles.has(folder)) return await handle.close();
    this.#handles.set(folder, handle);
    if (this.#handles.size > FOLDERS_KEPT) this.#forget(this.#handles.keys().next().value!);
  }

  /** Removes the folder if it is empty. Returns whether it did. */
  remove(folder: string): boolean {
    try {
      rmdirSync(folder);
    } catch {
      return false;
    }
    this.#removals += 1;
    this.#forget(folder);
    return true;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#handles.values()].map((handle) => handle.close()));
    this.#handles.clear();
  }

  #forget(folder: string): void {
    // Closing waits for a sync in progress.
    void this.#handles.get(folder)?.close();
    this.#handles.delete(folder);
  }
}

/** Makes the entries of one folder durable. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
