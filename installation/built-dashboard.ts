/** Builds the dashboard if its built files are missing, or older than the sources that they are made from. */
import { execFile } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { dashboardFolder } from './own-files.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** What it is made from: its own files, those that it imports, and the versions of its packages. */
const SOURCES = ['dashboard', 'sdk/typescript', 'protocol', 'package-lock.json'];
const NOT_SOURCES = new Set(['dist', 'node_modules', 'reporter']);

/** An installed package has the built files, and no sources: nothing to do. */
const INSTALLED = extname(new URL(import.meta.url).pathname) === '.js';

/** True if it had to be built. Rejects with the output of a build that failed. */
export async function buildDashboard(): Promise<boolean> {
  if (INSTALLED || (await isCurrent())) return false;
  const vite = join(ROOT, 'node_modules/vite/bin/vite.js');
  try {
    await promisify(execFile)(process.execPath, [vite, 'build'], { cwd: join(ROOT, 'dashboard') });
  } catch (error) {
    const { stderr = '' } = error as { stderr?: string };
    throw new Error(`the dashboard cannot be built: ${stderr.trim() || (error as Error).message}`, { cause: error });
  }
  return true;
}

async function isCurrent(): Promise<boolean> {
  const built = await stat(join(dashboardFolder, 'index.html')).catch(() => null);
  if (built === null) return false;
  const changed = await Promise.all(SOURCES.map((path) => lastChange(join(ROOT, path))));
  return Math.max(...changed) <= built.mtimeMs;
}

async function lastChange(path: string): Promise<number> {
  const entry = await stat(path);
  if (!entry.isDirectory()) return entry.mtimeMs;
  const names = (await readdir(path)).filter((name) => !NOT_SOURCES.has(name) && !/\.test\.ts$/.test(name));
  const changes = await Promise.all(names.map((name) => lastChange(join(path, name))));
  return Math.max(0, ...changes);
}
