/** The system as a whole: health, metrics, alerts. */
import { Type } from 'typebox';
import { Alert } from '../../../protocol/alert.ts';
import { MonitorError } from '../../../protocol/errors.ts';
import { Id } from '../../../protocol/ids.ts';
import { CurrentMetrics, MetricsQuery, MetricsSeries, SystemHealth } from '../../../protocol/system.ts';
import { formatTime } from '../../../protocol/time.ts';
import { activeAlerts, alertDocument } from '../../documents/alerts.ts';
import { healthDocument, metricsDocument, STEP_MS, worst } from '../../documents/system.ts';
import { readArchivedAlert } from '../../views/archived-records.ts';
import { periodSeries } from '../../views/period-series.ts';
import type { ApiContext } from '../context.ts';
import { endpoint } from '../endpoint.ts';
import { commandOf } from './command.ts';
import { pageOf } from './jobs.ts';
import { seriesRange } from './metrics-range.ts';
import { versioned, versionedState } from './versioned.ts';

function withSources(health: SystemHealth, sources: ApiContext['sources']): SystemHealth {
  if (sources.length === 0) return health;
  const total_count = sources.length;
  const failing_count = sources.filter(({ status }) => status.state === 'FAILING').length;
  const status = failing_count === 0 ? 'HEALTHY' : 'DEGRADED';
  const components = { ...health.components, sources: { status, total_count, failing_count } } as const;
  return { ...health, components, overall_status: worst([health.overall_status, status]) };
}

const currentMetrics = versionedState(metricsDocument);

const isSeries = ({ from, to, step }: MetricsQuery) => (from ?? to ?? step) !== undefined;

async function series({ engine, store }: ApiContext, query: MetricsQuery): Promise<MetricsSeries> {
  const { state } = engine;
  const range = seriesRange(query, engine.journal.now());
  const { items, unreadable } = await periodSeries(store, state, range);
  return {
    step: range.step,
    from: formatTime(range.first * STEP_MS[range.step]),
    to: formatTime(range.end * STEP_MS[range.step]),
    items,
    ...(unreadable.length > 0 && { unreadable }),
    as_of_seq: state.seq,
  };
}

export const systemEndpoints = [
  endpoint({
    method: 'GET',
    path: '/system/health',
    operation: 'system.health',
    summary: 'Get the health of the system',
    responses: { 200: SystemHealth },
    etag: true,
    run: versioned({
      find: ({ engine, sources }) => ({
        state: engine.state,
        sources,
        offset_ms: engine.journal.status.clock_offset_ms,
      }),
      // The state of sources and a clock that was set are not in the journal, so its sequence does not cover them.
      version: ({ state, sources, offset_ms }) => (sources.length > 0 || offset_ms !== 0 ? null : state.seq),
      document({ state, sources, offset_ms }) {
        const health = withSources(healthDocument(state), sources);
        return offset_ms === 0 ? health : { ...health, clock: { offset_ms } };
      },
    }),
  }),
  endpoint({
    method: 'GET',
    path: '/system/metrics',
    operation: 'system.metrics',
    summary: 'Get current metrics, with the hour and the day so far; with a query, the series of hours or days',
    query: MetricsQuery,
    responses: { 200: Type.Union([CurrentMetrics, MetricsSeries]) },
    etag: true,
    run: (context, request) =>
      isSeries(request.query) ? series(context, request.query) : currentMetrics(context, request),
  }),
  endpoint({
    method: 'GET',
    path: '/system/alerts',
    operation: 'system.alerts',
    summary: 'List active alerts, oldest first',
    responses: { 200: pageOf(Alert) },
    run: async ({ engine }) => ({ items: activeAlerts(engine.state).map(alertDocument), next_cursor: null }),
  }),
  endpoint({
    method: 'POST',
    path: '/system/alerts/:alert_id/resolve',
    operation: 'system.resolveAlert',
    summary: 'Resolve an alert; it is raised again only after its condition has cleared',
    params: Type.Object({ alert_id: Id }),
    responses: { 200: Alert },
    async run({ engine, store }, { params, caller }) {
      const { alert_id } = params;
      await engine.submit(commandOf(caller, { type: 'resolve_alert', alert_id, by: 'api' }));
      // When a repeated request arrives, the alert may have left memory.
      const alert = engine.state.tables.alerts.get(alert_id) ?? (await readArchivedAlert(store, alert_id));
      if (!alert) throw new MonitorError('not_found', 'alert_not_found', `there is no alert ${alert_id}`);
      return alertDocument(alert);
    },
  }),
];
