/** Opens the cache that the setting names. */

import type { JobCache, JobCacheOptions } from './job-cache.ts';
import { checkRedisUrl } from './redis-url.ts';

/** Throws MonitorError('invalid') if `url` is neither '' nor the URL of a Redis. */
export function checkCacheUrl(url: string): void {
  if (url !== '') checkRedisUrl(url);
}

/** Null for ''. The client of Redis is loaded only if it is needed. */
export async function openCache(options: JobCacheOptions): Promise<JobCache | null> {
  if (options.url === '') return null;
  const { JobCache } = await import('./job-cache.ts');
  return new JobCache(options);
}
