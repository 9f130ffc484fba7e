/**
 * Only a regular file is read as a file. A read of a pipe, a socket or a device may wait for ever or never end, and so may that of some
 * files of the kernel: /proc/kmsg, trace_pipe.
 */
import type { BigIntStats, Stats } from 'node:fs';
import { statfs } from 'node:fs/promises';

/** File systems whose files are made by the kernel as they are read: proc, sysfs, debugfs, tracefs. */
const OF_THE_KERNEL = new Set([0x9fa0, 0x62656572, 0x64626720, 0x74726163]);

export class NotRegularError extends Error {
  readonly what: string;

  constructor(path: string, what: string) {
    super(`${path} is ${what}`);
    this.name = 'NotRegularError';
    this.what = what;
  }
}

/** Throws a NotRegularError. `found`: what `stat` says of this path. A folder is left to the caller. */
export async function requireRegular(path: string, found: Stats | BigIntStats): Promise<void> {
  if (found.isDirectory()) return;
  if (found.isFIFO()) throw new NotRegularError(path, 'a pipe');
  if (found.isSocket()) throw new NotRegularError(path, 'a socket');
  if (!found.isFile()) throw new NotRegularError(path, 'a device');
  const { type } = await statfs(path);
  if (OF_THE_KERNEL.has(Number(type))) throw new NotRegularError(path, 'made by the kernel as it is read');
}
