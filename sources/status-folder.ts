/** Status files in a folder. */
import { type Stats, statSync } from 'node:fs';
import { access, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { STATUS_FILE_PREFIX } from '../protocol/status-file.ts';
import { inParallel } from './in-parallel.ts';
import { SourceError } from './source.ts';
import { isStatusFile, type ListedFile, MONITOR_STORE_KEY, placesOf, type StatusFilePlace } from './status-files.ts';

const BATCH = 1000;
const PARALLEL = 16;
const CACHED_WITHIN_MS = 1;

export function openStatusFolder(path: string): StatusFilePlace {
  const name = `dir:${path}`;
  const places = placesOf(`${path.replace(/[/\\]+$/, '')}/`);
  let place = places[0]!;
  const refused = (error: unknown) => folderError(error, name, path);
  return {
    name,
    async *list(signal) {
      // No job has been reported yet; if the folder itself is missing, the path is wrong.
      await access(path).catch((missing) => {
        throw refused(missing);
      });
      let names: string[] = [];
      for (place of places) {
        names = await readdir(join(place, STATUS_FILE_PREFIX)).catch((error) => {
          if (!isMissing(error)) throw refused(error);
          return [];
        });
        if (names.some((file) => isStatusFile(`${STATUS_FILE_PREFIX}${file}`))) break;
      }
      const folder = join(place, STATUS_FILE_PREFIX);
      for (let start = 0; start < names.length; start += BATCH) {
        signal.throwIfAborted();
        const batch = names.slice(start, start + BATCH);
        const stats = await statsOf(batch.map((file) => `${folder}/${file}`));
        const files = batch.map((file, index) => {
          const found = stats[index];
          if (!found?.isFile()) return undefined;
          const { mtimeMs, size, ino } = found;
          const modified_ms = Math.floor(mtimeMs);
          const key = `${STATUS_FILE_PREFIX}${file}`;
          return { key, modified_ms, version: `${mtimeMs} ${size} ${ino}`, size_bytes: size } satisfies ListedFile;
        });
        yield files.filter((file) => file !== undefined);
      }
    },
    async isMonitorStore() {
      const found = await Promise.all(
        places.map((within) =>
          access(join(within, MONITOR_STORE_KEY)).then(
            () => true,
            () => false,
          ),
        ),
      );
      return found.includes(true);
    },
    async fetch(key, signal) {
      try {
        return await readFile(join(place, key), { signal });
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw refused(error);
      }
    },
    async close() {},
  };
}

/**
 * Each without the detour through a thread while they come from the system's cache, which takes a fifth of the time; in parallel once
 * one has to wait, as on a network.
 */
async function statsOf(paths: readonly string[]): Promise<(Stats | undefined)[]> {
  const stats: (Stats | undefined)[] = [];
  for (const path of paths) {
    const began_ms = performance.now();
    stats.push(statNow(path));
    if (performance.now() - began_ms > CACHED_WITHIN_MS) break;
  }
  const rest = paths.slice(stats.length);
  return [...stats, ...(await inParallel(rest, PARALLEL, (path) => stat(path).catch(() => undefined)))];
}

function statNow(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT';

function folderError(error: unknown, name: string, path: string): Error {
  const { code, message } = error as NodeJS.ErrnoException;
  switch (code) {
    case 'ENOENT':
      return new SourceError('missing', `${name}: the folder does not exist`, {
        hint: `mkdir -p ${path}`,
        cause: error,
      });
    case 'EACCES':
    case 'EPERM':
      return new SourceError('denied', `${name}: permission denied`, { hint: `chmod -R a+rX ${path}`, cause: error });
    case 'ENOTDIR':
      return new SourceError('unusable', `${name}: it is not a folder`, { cause: error });
    case undefined:
      return error as Error;
    default:
      return new SourceError('unusable', `${name}: ${message}`, { cause: error });
  }
}
