/** Metrics of the cache; without a cache they have no values. */
import { Counter, Gauge, type Registry } from 'prom-client';
import type { CacheStatus } from '../../cache/status.ts';
import type { ApiContext } from '../context.ts';

export function addCacheMetrics(registry: Registry, current: () => ApiContext['cache']): void {
  const metric = (
    Kind: typeof Gauge | typeof Counter,
    name: string,
    help: string,
    read: (status: CacheStatus) => number,
  ) =>
    new Kind({
      name: `transcription_monitor_cache_${name}`,
      help,
      registers: [registry],
      collect() {
        // A counter's value is the cache's own count.
        this.reset();
        const cache = current();
        if (cache) this.inc(read(cache.status));
        else this.remove();
      },
    });
  metric(Gauge, 'up', '1 while Redis takes jobs', ({ up }) => (up ? 1 : 0));
  metric(Gauge, 'pending_jobs', 'Jobs whose change is not in Redis yet', ({ pending }) => pending);
  metric(Counter, 'writes_total', 'Jobs written to Redis or removed from it', ({ written }) => written);
  metric(
    Counter,
    'superseded_total',
    'Writes that Redis ignored because it has a newer document',
    ({ superseded }) => superseded,
  );
  metric(Counter, 'failures_total', 'Failed attempts to reach Redis or to write', ({ failures }) => failures);
}
