/** The temporary files of a directory store: objects before they get their name. */
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
import { join } from 'node:path';
import { codeOf, writeError } from './directory-errors.ts';
import { StoreError } from './store.ts';

export type TemporaryFile = { fd: number; path: string };

/**
 * Files in `.tmp/`, with names unique to a process. What a crash leaves there is removed by the next holder of the
 * lock.
 */
export class TemporaryFiles {
  readonly #folder: string;
  readonly #shown: string;
  readonly #prefix = `${process.pid}-${crypto.randomUUID()}`;
  #count = 0;
  #made = false;

  /** `folder` is the store's path for calls, `root` the one for messages. */
  constructor({ folder, root }: { folder: string; root: string }) {
    this.#folder = join(folder, '.tmp');
    this.#shown = join(root, '.tmp');
  }

  /** Tries what a put needs from the file system: writing, and hard links. */
  prepare(): void {
    try {
      const file = this.write(new Uint8Array(0));
      try {
        linkSync(file.path, `${file.path}-link`);
        rmSync(`${file.path}-link`);
      } catch (error) {
        if (codeOf(error) === 'ENOENT') return; // Swept by a process that has just taken the lock.
        if (codeOf(error) === 'ENOSPC' || codeOf(error) === 'EDQUOT') throw error;
        throw new StoreError('refused', 'store_no_hard_links', `${this.#shown}: its file system has no hard links`, {
          hint: 'put the store on ext4, XFS, Btrfs, ZFS, APFS or NFS; open a bucket that is mounted here as s3://bucket/prefix',
          cause: error,
        });
      } finally {
        this.release(file, { renamed: false });
      }
    } catch (error) {
      throw writeError(error, this.#shown);
    }
  }

  /** Removes the folder if this object made it and it is empty. */
  removeFolder(): void {
    if (!this.#made) return;
    try {
      rmdirSync(this.#folder);
    } catch {
      // Others write there too.
    }
  }

  sweep(): void {
    for (const name of readdirSync(this.#folder)) rmSync(join(this.#folder, name), { force: true });
  }

  /**
   * Writes a file with these bytes, not yet known to be on the disk. Throws the system's error, and leaves nothing
   * behind.
   */
  write(bytes: Uint8Array): TemporaryFile {
    const path = join(this.#folder, `${this.#prefix}-${this.#count++}`);
    const file = { fd: this.#create(path), path };
    try {
      for (let written = 0; written < bytes.length; ) written += writeSync(file.fd, bytes, written);
      return file;
    } catch (error) {
      this.release(file, { renamed: false });
      throw error;
    }
  }

  /** Makes the folder if it is missing: before the first write, or after it was removed. */
  #create(path: string): number {
    try {
      return openSync(path, 'wx');
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
    }
    try {
      mkdirSync(this.#folder);
      this.#made = true;
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
    }
    return openSync(path, 'wx');
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

/** Resolves when the file's bytes are on the disk. */
export function datasync(fd: number): Promise<void> {
  return new Promise((resolve, reject) => fdatasync(fd, (error) => (error ? reject(error) : resolve())));
}
