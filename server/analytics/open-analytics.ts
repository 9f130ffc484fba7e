/** The analytic service for a store: in a process of its own, except for a store in memory, which only this process has. */
import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { MonitorError } from '../../protocol/errors.ts';
import type { Clock } from '../clock.ts';
import { cacheFolder, type Settings, s3Headers } from '../config.ts';
import type { Engine } from '../engine.ts';
import type { ObjectStore } from '../objects/store.ts';
import type { AnalyticsService } from './analytics.ts';
import { ColumnCache } from './column-cache.ts';
import { AnalyticsProcess } from './process/analytics-process.ts';

/** More would need more memory than a query has. */
const THREADS_MAX = 8;

type AnalyticsSettings = Pick<
  Settings,
  | 'store'
  | 'retention_ms'
  | 'analytics'
  | 'analytics_sql'
  | 'analytics_cache'
  | 'analytics_memory_mb'
  | 's3_requester_pays'
  | 's3_sse'
  | 's3_sse_kms_key_id'
>;

/** `store`: not to be opened by its URL. DuckDB is loaded by the other process, or for such a store. */
export async function openAnalytics(
  settings: AnalyticsSettings,
  clock: Clock,
  store?: ObjectStore,
): Promise<AnalyticsService> {
  for (const name of ['analytics', 'analytics_sql'] as const) {
    if (settings[name] === 'on' || settings[name] === 'off') continue;
    throw new MonitorError('invalid', 'bad_setting', `${name} is ${JSON.stringify(settings[name])}`, {
      hint: 'Use on or off.',
    });
  }
  const options = optionsOf(settings);
  if (!store) return new AnalyticsProcess({ ...options, store_url: settings.store, s3: s3Headers(settings) }, clock);
  const { Analytics } = await import('./analytics.ts');
  const random = { float: Math.random };
  return new Analytics(async () => ({ ...options, store, clock, random, warn: () => undefined }), clock);
}

/** Deletes copies of column files on this machine that are no longer among those of the journal. */
export async function forgetCopies(
  settings: AnalyticsSettings,
  { engine, store, clock }: { engine: Pick<Engine, 'state'>; store: ObjectStore; clock: Clock },
): Promise<void> {
  const copies = new ColumnCache(optionsOf(settings).cache, store);
  await copies.keepOnly([...engine.state.tables.column_files.values()], clock.now());
}

/** Where column files are kept on this machine, and what queries may use: all cores but one, which is for the monitor. */
export function optionsOf({
  store,
  retention_ms,
  analytics_cache,
  analytics_memory_mb,
}: Pick<Settings, 'store' | 'retention_ms' | 'analytics_cache' | 'analytics_memory_mb'>) {
  const name = createHash('sha256').update(store).digest('hex').slice(0, 16);
  const folder = cacheFolder(analytics_cache);
  const cache = join(folder, 'columns', name);
  return {
    retention_ms,
    cache,
    working: join(folder, 'working'),
    threads: threadsBeside(1),
    memory_mb: analytics_memory_mb,
  };
}

/** `others`: how many cores are left to others. */
export const threadsBeside = (others: number): number =>
  Math.min(THREADS_MAX, Math.max(1, availableParallelism() - others));
