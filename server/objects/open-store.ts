/** Opens the store that a URL names: `memory:`, `dir:PATH` or a bare path, `s3://bucket/prefix`. */
import type { Clock } from '../clock.ts';
import { DirectoryStore } from './directory.ts';
import { MemoryStore } from './memory.ts';
import { type ObjectStore, StoreError } from './store.ts';

export type OpenStoreOptions = {
  clock: Clock;
  /** Be the only one on a directory: true for the monitor, false for a look at it. Buckets need no lock. */
  lock: boolean;
  /** Make the directory if there is none; by default with the lock alone. */
  create?: boolean;
};

const FORMS = 'use dir:PATH, s3://bucket/prefix or memory:';

export async function openStore(url: string, options: OpenStoreOptions): Promise<ObjectStore> {
  // A scheme of one letter is a drive of Windows, which is a path.
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]+):/.exec(url)?.[1]?.toLowerCase();
  if (scheme === undefined) return openDirectory(url, options);
  switch (scheme) {
    case 'memory':
      if (url.slice('memory:'.length) !== '') throw badUrl('memory: takes nothing after the colon', 'write memory:');
      return new MemoryStore(options.clock);
    case 'dir':
      return openDirectory(url.slice('dir:'.length), options);
    case 's3':
      return openBucket(url);
    case 'postgres':
    case 'postgresql':
      throw badUrl('a PostgreSQL store is not there yet', FORMS);
    default:
      // Only the scheme is repeated: what follows may hold a password.
      throw badUrl(`no store is known by ${scheme}:`, FORMS);
  }
}

function openDirectory(path: string, options: OpenStoreOptions): Promise<ObjectStore> {
  if (path.trim() === '') throw badUrl('the store has no path', 'write dir:PATH, for example dir:./data');
  if (path.startsWith('//')) throw badUrl(`dir:${path} has no host`, 'write dir:/absolute/path or dir:relative/path');
  return DirectoryStore.open(path, options);
}

async function openBucket(url: string): Promise<ObjectStore> {
  const parts = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/i.exec(url);
  if (url.includes('@')) {
    throw badUrl('the URL of a bucket holds no credentials', 'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY');
  }
  if (url.includes('?')) {
    throw badUrl('the URL of a bucket takes no options', 'set AWS_REGION and AWS_ENDPOINT_URL_S3');
  }
  if (!parts) throw badUrl(`not a bucket's URL: ${url}`, 'write s3://bucket/prefix');
  // Loading it takes a quarter of the start and 13 MB of heap, which a directory need not pay for.
  const { S3Store } = await import('./s3.ts');
  return S3Store.open({ bucket: parts[1]!, prefix: (parts[2] ?? '').replace(/\/+$/, '') });
}

function badUrl(message: string, hint: string): StoreError {
  return new StoreError('refused', 'bad_store_url', message, { hint });
}
