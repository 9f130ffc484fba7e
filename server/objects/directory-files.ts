/** What a directory store writes through: temporary files, and folders known to be on the disk. */
import {
  closeSync,
  fdatasync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmdirSync,
  rmSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { codeOf, writeError } from './directory-errors.ts';
import { StoreError } from './store.ts';

const FOLDERS_KEPT = 64;

export type TemporaryFile = { fd: number; path: string };

/** Files in `.tmp/`, named so that no two processes meet. What a crash leaves there is swept by the next holder of the lock. */
export class TemporaryFiles {
  readonly #folder: string;
  readonly #prefix = `${process.pid}-${crypto.randomUUID()}`;
  #count = 0;

  constructor(root: string) {
    this.#folder = join(root, '.tmp');
  }

  /** Makes the folder and tries what a put needs of the file system: to write there, and hard links. */
  prepare(): void {
    try {
      mkdirSync(this.#folder, { recursive: true });
      const file = this.write(new Uint8Array(0));
      try {
        linkSync(file.path, `${file.path}-link`);
        rmSync(`${file.path}-link`);
      } catch (error) {
        if (codeOf(error) === 'ENOENT') return; // Swept by one who has just taken the lock: the lock will say so.
        if (codeOf(error) === 'ENOSPC' || codeOf(error) === 'EDQUOT') throw error;
        throw new StoreError('refused', 'store_no_hard_links', `${this.#folder}: its file system has no hard links`, {
          hint: 'put the store on ext4, XFS, Btrfs, ZFS, APFS or NFS: without links no object can be created atomically',
          cause: error,
        });
      } finally {
        this.release(file, { renamed: false });
      }
    } catch (error) {
      throw writeError(error, this.#folder);
    }
  }

  sweep(): void {
    for (const name of readdirSync(this.#folder)) rmSync(join(this.#folder, name), { force: true });
  }

  /** A file with these bytes, not yet known to be on the disk. Throws what the system says, and leaves nothing. */
  write(bytes: Uint8Array): TemporaryFile {
    const path = join(this.#folder, `${this.#prefix}-${this.#count++}`);
    const file = { fd: openSync(path, 'wx'), path };
    try {
      for (let written = 0; written < bytes.length; ) written += writeSync(file.fd, bytes, written);
      return file;
    } catch (error) {
      this.release(file, { renamed: false });
      throw error;
    }
  }

  /** Closes the file, and removes its temporary name unless that was renamed away. */
  release({ fd, path }: TemporaryFile, { renamed }: { renamed: boolean }): void {
    try {
      closeSync(fd);
      if (!renamed) unlinkSync(path);
    } catch {
      // Left for the sweep.
    }
  }
}

/**
 * Makes entries of folders durable. A folder met for the first time may itself be new, so its parents up to the root are
 * synced with it, and then its descriptor is kept. That is only right while nobody else removes folders, so without the
 * lock (`keep: false`) every sync opens anew.
 */
export class DurableFolders {
  readonly #root: string;
  readonly #keep: boolean;
  readonly #handles = new Map<string, FileHandle>();
  /** How many folders have been removed: what was opened before the last of them may be of one that is gone. */
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

  /** Removes the folder if it is empty; answers whether it did. */
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
    // Closing waits for a sync under way on it.
    void this.#handles.get(folder)?.close();
    this.#handles.delete(folder);
  }
}

/** Resolves when the file's bytes are on the disk. */
export function datasync(fd: number): Promise<void> {
  return new Promise((resolve, reject) => fdatasync(fd, (error) => (error ? reject(error) : resolve())));
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
