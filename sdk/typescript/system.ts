/** `api.system`: health, metrics and alerts. */
import type { Alert } from '../../protocol/alert.ts';
import type { CurrentMetrics, MetricsQuery, MetricsSeries, SystemHealth } from '../../protocol/system.ts';
import { type Page, Pages } from './pages.ts';
import { type CallOptions, segment, type Transport } from './transport.ts';

/** The health, with `overall_status` as `status` too. */
export type SystemHealthWithStatus = SystemHealth & { readonly status: SystemHealth['overall_status'] };

export class System {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  async health(options: CallOptions = {}): Promise<SystemHealthWithStatus> {
    const health = await this.#transport.json<SystemHealth>({ method: 'GET', path: '/system/health', ...options });
    return Object.defineProperty(health, 'status', {
      value: health.overall_status,
      enumerable: false,
    }) as SystemHealthWithStatus;
  }

  metrics(options: CallOptions = {}): Promise<CurrentMetrics> {
    return this.#transport.json({ method: 'GET', path: '/system/metrics', ...options });
  }

  /**
   * Hours or days from `from` up to `to`, which is excluded; by default the last 24 hours or 30 days, and at most 10,000.
   * Periods in which nothing happened are left out.
   */
  metricsSeries(query: MetricsQuery = {}, options: CallOptions = {}): Promise<MetricsSeries> {
    return this.#transport.json({
      method: 'GET',
      path: '/system/metrics',
      query: { step: 'hour', ...query },
      ...options,
    });
  }

  /** Active alerts. */
  alerts(query: { limit?: number } = {}, options: CallOptions = {}): Pages<Alert> {
    return new Pages((cursor) =>
      this.#transport.json<Page<Alert>>({
        method: 'GET',
        path: '/system/alerts',
        query: { ...query, cursor },
        ...options,
      }),
    );
  }

  resolveAlert(alertId: string, options: CallOptions = {}): Promise<Alert> {
    return this.#transport.json({ method: 'POST', path: `/system/alerts/${segment(alertId)}/resolve`, ...options });
  }
}
