/**
 * Walks a directory store in the order of whole keys, a folder at a time, so that a list of 100,000 keys is streamed.
 *
 * Order: a folder's keys all start with its name and `/`, so among its siblings it is sorted as `name/`; `a-b` comes
 * before `a/b`, and `a/b` before `a0`, as the bytes 2d, 2f and 30 do.
 */
import type { Dirent } from 'node:fs';
import { opendir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SortedMap } from '../sorted-map.ts';
import { codeOf, readError } from './directory-errors.ts';
import { isKeyPart, type ListedObject } from './store.ts';

/** Number of files whose size and time are read at once: enough to fill the thread pool, few enough to stop early. */
const STATS_AT_ONCE = 64;

const ENTRIES_AT_ONCE = 1024;

/** `root` is the store's path for calls, `shown` the one for messages. */
type Range = { root: string; shown: string; prefix: string; after: string };

export async function* walk(range: Range): AsyncGenerator<ListedObject> {
  const cut = range.prefix.lastIndexOf('/') + 1;
  yield* walkFolder(range, range.prefix.slice(0, cut));
}

/** `folder` is `''` or ends with a slash. */
async function* walkFolder(range: Range, folder: string): AsyncGenerator<ListedObject> {
  const entries = await entriesOf(range, folder);
  let files: string[] = [];
  for (const entry of entries) {
    const isFolder = entry.endsWith('/');
    if (!isFolder) files.push(entry);
    if (files.length === STATS_AT_ONCE || (isFolder && files.length > 0)) {
      yield* described(range, files);
      files = [];
    }
    if (isFolder) yield* walkFolder(range, entry);
  }
  yield* described(range, files);
}

/** The keys of the folder's files, and of its folders with a slash at the end, that lie in the range; in order. */
async function entriesOf(range: Range, folder: string): Promise<Iterable<string>> {
  const { root, prefix, after } = range;
  const entries = new SortedMap<string, true>();
  for await (const entry of readFolder(range, folder)) {
    if (!isKeyPart(entry.name)) continue;
    const isFolder = entry.isSymbolicLink() ? await leadsToFolder(join(root, folder, entry.name)) : entry.isDirectory();
    const key = `${folder}${entry.name}${isFolder ? '/' : ''}`;
    const inPrefix = key.startsWith(prefix) || (isFolder && prefix.startsWith(key));
    const afterAll = isFolder ? key > after || after.startsWith(key) : key > after;
    if (inPrefix && afterAll) entries.set(key, true);
  }
  return entries.keys();
}

/**
 * In pieces, sorted as they arrive: reading or sorting 100,000 entries at once blocks everything else for 0.1 s each.
 */
async function* readFolder({ root, shown }: Range, folder: string): AsyncGenerator<Dirent> {
  try {
    yield* await opendir(join(root, folder), { bufferSize: ENTRIES_AT_ONCE });
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return;
    throw readError(error, join(shown, folder));
  }
}

async function leadsToFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}

async function* described(range: Range, keys: string[]): AsyncGenerator<ListedObject> {
  const stats = await Promise.all(keys.map((key) => statOrGone(range, key)));
  for (const [index, key] of keys.entries()) {
    const file = stats[index];
    if (file?.isFile()) yield { key, size_bytes: file.size, last_modified_ms: Math.floor(file.mtimeMs) };
  }
}

async function statOrGone({ root, shown }: Range, key: string) {
  try {
    return await stat(join(root, key));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw readError(error, join(shown, key));
  }
}
