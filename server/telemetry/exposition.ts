/**
 * Families as text: the Prometheus format, or OpenMetrics for a scraper that asks for it. Each scrape has its own
 * registry, because prom-client renames the counters of one that writes OpenMetrics.
 */
import { type Metric, Registry } from 'prom-client';
import type { Family } from './family.ts';

export type Exposition = { content_type: string; text: string };

/** `accept`: the header of the request. */
export async function expose(families: readonly Family[], accept: string | undefined): Promise<Exposition> {
  const open = /application\/openmetrics-text/i.test(accept ?? '');
  const registry = new Registry();
  if (open) registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never);
  for (const family of families) {
    // The type and the help text of a family without values say nothing.
    if (family.values.length === 0) continue;
    const { type } = family;
    const name = open && type === 'counter' ? family.name.replace(/_total$/, '') : family.name;
    registry.registerMetric({ ...family, name, get: async () => ({ ...family, name }) } as unknown as Metric);
  }
  return { content_type: registry.contentType, text: await registry.metrics() };
}
