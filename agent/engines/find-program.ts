/** Finds programs the way the system does when it starts them. */
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

/** The path that `name` would start: itself if it has a slash, otherwise the first in PATH. Null if there is none. */
export async function findProgram(name: string): Promise<string | null> {
  const directories = name.includes('/') ? [''] : (process.env.PATH ?? '').split(delimiter);
  for (const directory of directories) {
    const path = directory === '' ? name : join(directory, name);
    if (await isExecutable(path)) return path;
  }
  return null;
}

export async function isProgramPresent(name: string): Promise<boolean> {
  return (await findProgram(name)) !== null;
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
