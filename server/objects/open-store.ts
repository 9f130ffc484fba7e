/** Opens the store that a URL names: `memory:`, `dir:PATH` or a bare path, `s3://bucket/prefix`. */
import type { Clock } from '../clock.ts';
import { DirectoryStore } from './directory.ts';
import { MemoryStore } from './memory.ts';
import type { S3Headers } from './s3.ts';
import { type ObjectStore, StoreError } from './store.ts';

export type OpenStoreOptions = {
  clock: Clock;
  /** Be the only user of a directory: true for the monitor, false for readers. Buckets need no lock. */
  lock: boolean;
  /** Create the directory if it does not exist. Defaults to `lock`. */
  create?: boolean;
  /** Headers that a bucket may require. */
  s3?: S3Headers;
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
      return openBucket(url, options);
    case 'postgres':
    case 'postgresql':
      throw badUrl('PostgreSQL stores are not supported yet', FORMS);
    default:
      // Only the scheme is repeated: what follows may hold a password.
      throw badUrl(`unknown kind of store ${scheme}:`, FORMS);
  }
}

function openDirectory(path: string, options: OpenStoreOptions): Promise<ObjectStore> {
  if (path.trim() === '') throw badUrl('the store has no path', 'write dir:PATH, for example dir:./data');
  if (path.startsWith('//')) throw badUrl(`dir:${path} has no host`, 'write dir:/absolute/path or dir:relative/path');
  return DirectoryStore.open(path, options);
}

async function openBucket(url: string, { s3 }: OpenStoreOptions): Promise<ObjectStore> {
  if (url.includes('@')) {
    throw badUrl('the URL of a bucket holds no credentials', 'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY');
  }
  if (url.includes('?')) {
    throw badUrl('the URL of a bucket takes no options', 'set AWS_REGION and AWS_ENDPOINT_URL_S3');
  }
  const [, bucket = '', prefix = ''] = /^s3:\/\/([^/]*)(?:\/(.*))?$/i.exec(url) ?? [];
  assertBucketName(bucket);
  // Loading it takes a quarter of the start and 13 MB of heap, which a directory need not pay for.
  const { S3Store } = await import('./s3.ts');
  return S3Store.open({ bucket, prefix: prefix.replace(/\/+$/, ''), ...(s3 === undefined ? {} : { headers: s3 }) });
}

/** Throws, with the rule of S3 that the name breaks. */
function assertBucketName(bucket: string): void {
  if (bucket === '') throw badUrl('the URL names no bucket', 'write s3://bucket/prefix');
  if (/^arn:/i.test(bucket)) {
    throw badUrl(
      `${bucket} is an ARN, not the name of a bucket`,
      "write the bucket's name, or the alias of the access point: s3://NAME-…-s3alias/prefix",
    );
  }
  const hint = 'a bucket has 3 to 63 lower-case letters, digits, dots and hyphens: s3://my-bucket/prefix';
  if (bucket.length < 3 || bucket.length > 63) throw badUrl(`${bucket} has ${bucket.length} characters`, hint);
  const [odd] = /[^a-z0-9.-]/.exec(bucket) ?? [];
  if (odd === '_') throw badUrl(`the name of the bucket ${bucket} has an underscore, which S3 does not allow`, hint);
  if (odd !== undefined && /[A-Z]/.test(odd))
    throw badUrl(`the name of the bucket ${bucket} has a capital letter`, hint);
  if (odd !== undefined) throw badUrl(`the name of the bucket ${bucket} contains ${JSON.stringify(odd)}`, hint);
  if (/^[.-]|[.-]$/.test(bucket)) throw badUrl(`${bucket} begins or ends with a dot or hyphen`, hint);
}

function badUrl(message: string, hint: string): StoreError {
  return new StoreError('refused', 'bad_store_url', message, { hint });
}
