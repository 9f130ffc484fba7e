/**
 * A full disk, as the worker meets it: in errors of its own, in messages of programs, and by the space that is left. Each
 * is `disk_full`, whatever was being written: another worker may have space.
 */
import { statfs } from 'node:fs/promises';
import { EngineError } from './engines/engine.ts';

/** Whether an error of the file system says so. */
export function isDiskFull(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown };
  return code === 'ENOSPC' || code === 'EDQUOT';
}

/** Whether a line of a program says so; libraries print the system's message, in English unless they translate it. */
export function saysDiskFull(line: string): boolean {
  return /no space left on device|disk quota exceeded|\b(ENOSPC|EDQUOT)\b|\bErrno (28|122)\b/i.test(line);
}

/** `what`: what could not be written, for people. */
export function diskFull(what: string, cause?: unknown): EngineError {
  return new EngineError('disk_full', `${what}: this worker's disk is full`, { hint: 'free some disk space', cause });
}

/** Bytes that this process may still write where the directory is; null if the file system doesn't say. */
export async function freeBytes(directory: string): Promise<number | null> {
  try {
    const { bavail, bsize } = await statfs(directory);
    return bavail * bsize;
  } catch {
    return null;
  }
}

/** Throws `disk_full` if there is no room for that many bytes. */
export async function assertRoom(directory: string, bytes: number, what: string): Promise<void> {
  const free = await freeBytes(directory);
  if (free === null || free >= bytes) return;
  throw diskFull(`${what} takes ${megabytes(bytes)}, ${megabytes(free)} are left`);
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
