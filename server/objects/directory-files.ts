/**
 * What a directory store writes through: temporary files made ready ahead, and folders known to be on the disk.
 *
 * A put is one round trip to the thread pool for each system call it waits for, and about 10 µs each. So the temporary file
 * of the next put is opened while the last one is being answered, closing and unlinking happen behind the answer, and a
 * folder's descriptor is kept for its fsync.
 */
import { type FileHandle, link, mkdir, open, readdir, rm, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { codeOf, writeError } from './directory-errors.ts';
import { StoreError } from './store.ts';

const SPARES = 4;
const HANDLES = 64;

export type TemporaryFile = { handle: FileHandle; path: string };

/** Files in `.tmp/`, named so that no two processes meet. What a crash leaves there is swept by the next holder of the lock. */
export class TemporaryFiles {
  readonly #folder: string;
  readonly #prefix = `${process.pid}-${crypto.randomUUID()}`;
  readonly #spares: TemporaryFile[] = [];
  readonly #background = new Set<Promise<void>>();
  #count = 0;
  #refilling = false;

  constructor(root: string) {
    this.#folder = join(root, '.tmp');
  }

  /** Makes the folder and tries what a put needs of the file system: to write there, and hard links. */
  async prepare(): Promise<void> {
    try {
      await mkdir(this.#folder, { recursive: true });
      const { handle, path } = await this.fresh();
      await handle.close();
      try {
        await link(path, `${path}-link`);
        await rm(`${path}-link`);
      } catch (error) {
        if (codeOf(error) === 'ENOENT') return; // Swept by one who has just taken the lock: the lock will say so.
        if (codeOf(error) === 'ENOSPC' || codeOf(error) === 'EDQUOT') throw error;
        throw new StoreError('refused', 'store_no_hard_links', `${this.#folder}: its file system has no hard links`, {
          hint: 'put the store on ext4, XFS, Btrfs, ZFS, APFS or NFS: without links no object can be created atomically',
          cause: error,
        });
      } finally {
        await rm(path, { force: true });
      }
    } catch (error) {
      throw writeError(error, this.#folder);
    }
  }

  async sweep(): Promise<void> {
    for (const name of await readdir(this.#folder)) await rm(join(this.#folder, name), { force: true });
  }

  async take(): Promise<TemporaryFile> {
    const spare = this.#spares.pop() ?? (await this.fresh());
    this.#refill();
    return spare;
  }

  /** One opened just now, so that its modification time is right even if nothing is written to it. */
  async fresh(): Promise<TemporaryFile> {
    const path = join(this.#folder, `${this.#prefix}-${this.#count++}`);
    return { handle: await open(path, 'wx'), path };
  }

  /** Closes the file behind the answer, and removes its temporary name unless that was renamed away. */
  release(file: TemporaryFile, options: { renamed: boolean }): void {
    this.#inBackground(discard(file, options.renamed));
  }

  async close(): Promise<void> {
    while (this.#background.size > 0) await Promise.all(this.#background);
    await Promise.all(this.#spares.map((spare) => discard(spare, false)));
  }

  #refill(): void {
    if (this.#refilling || this.#spares.length >= SPARES) return;
    this.#refilling = true;
    const refill = async () => {
      try {
        this.#spares.push(await this.fresh());
      } catch {
        // The next put opens its own, and reports what is wrong to somebody.
      }
      this.#refilling = false;
    };
    this.#inBackground(refill());
  }

  #inBackground(work: Promise<void>): void {
    this.#background.add(work);
    void work.finally(() => this.#background.delete(work));
  }
}

async function discard(file: TemporaryFile, renamed: boolean): Promise<void> {
  try {
    await Promise.all([file.handle.close(), renamed ? undefined : unlink(file.path)]);
  } catch {
    // Left for the sweep.
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
  readonly #removing = new Map<string, number>();

  constructor(root: string, options: { keep: boolean }) {
    this.#root = root;
    this.#keep = options.keep;
  }

  /** Makes every entry that `folder` has now durable, and the folder itself. */
  async sync(folder: string): Promise<void> {
    const removing = this.#removing.has(folder);
    const kept = removing ? undefined : this.#handles.get(folder);
    if (kept) return await kept.sync();
    for (let above = folder; above !== this.#root; ) {
      above = dirname(above);
      await syncFolder(above);
    }
    const handle = await open(folder, 'r');
    await handle.sync();
    if (!this.#keep || removing || this.#removing.has(folder) || this.#handles.has(folder)) return await handle.close();
    this.#handles.set(folder, handle);
    if (this.#handles.size > HANDLES) this.#forget(this.#handles.keys().next().value!);
  }

  /** Runs `remove`, which may remove the folder and answers whether it did; the descriptor isn't trusted meanwhile. */
  async whileRemoving(folder: string, remove: () => Promise<boolean>): Promise<boolean> {
    this.#removing.set(folder, (this.#removing.get(folder) ?? 0) + 1);
    try {
      const removed = await remove();
      if (removed) this.#forget(folder);
      return removed;
    } finally {
      const others = this.#removing.get(folder)! - 1;
      if (others === 0) this.#removing.delete(folder);
      else this.#removing.set(folder, others);
    }
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

/** Makes the entries of one folder durable. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
