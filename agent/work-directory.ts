/**
 * The directory of this worker's attempts, removed when it exits.
 *
 * A killed worker can't remove its own: the next one on the same machine does, by the process id in the name. A process
 * id that has been reused keeps it until a later start.
 */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** Created in `base`, by default `tmon` in the system's temporary directory. Throws as `mkdir` does. */
export async function openWorkDirectory(
  base: string = join(tmpdir(), 'tmon'),
): Promise<{ path: string; remove(): Promise<void> }> {
  // Several machines may share one disk: remove only this machine's.
  const prefix = `${hostname().replace(/[^A-Za-z0-9-]/g, '-')}.`;
  const parent = resolve(base);
  await mkdir(parent, { recursive: true });
  for (const name of await readdir(parent)) {
    const pid = name.startsWith(prefix) ? Number(name.slice(prefix.length)) : Number.NaN;
    if (Number.isSafeInteger(pid) && pid > 0 && !runs(pid))
      await rm(join(parent, name), { recursive: true, force: true });
  }
  const path = join(parent, `${prefix}${process.pid}`);
  await mkdir(path, { recursive: true });
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
