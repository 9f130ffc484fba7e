/** The system as a whole: health and metrics. */
import { Type } from 'typebox';
import { MonitorError } from '../../../protocol/errors.ts';
import {
  CurrentMetrics,
  MetricsGroups,
  MetricsQuery,
  MetricsSeries,
  SystemHealth,
  SystemSettings,
} from '../../../protocol/system.ts';
import { formatTime } from '../../../protocol/time.ts';
import { shownSettings } from '../../config.ts';
import { healthDocument, metricsDocument, STEP_MS, worst } from '../../documents/system.ts';
import { periodSeries } from '../../views/period-series.ts';
import type { ApiContext } from '../context.ts';
import { endpoint } from '../endpoint.ts';
import { metricsGroups } from './metrics-groups.ts';
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

const noGroup = () =>
  new MonitorError('invalid', 'invalid_query', 'query: /group is only for a series with group_by', {
    errors: [{ field: '/group', message: 'is only for a series with group_by' }],
    hint: 'Add group_by=worker or group_by=model.',
  });

export const systemEndpoints = [
  endpoint({
    method: 'GET',
    path: '/system/health',
    operation: 'system.health',
    permission: 'fleet',
    summary: 'Get the health of the system',
    responses: { 200: SystemHealth },
    etag: true,
    run: versioned({
      find: ({ engine, sources, version }) => ({
        state: engine.state,
        sources,
        version,
        offset_ms: engine.journal.status.clock_offset_ms,
      }),
      // The state of sources and a clock that was set are not in the journal, so its sequence does not cover them.
      version: ({ state, sources, version, offset_ms }) =>
        sources.length > 0 || offset_ms !== 0 ? null : `${state.seq}-${version}`,
      document({ state, sources, version, offset_ms }) {
        const health = { ...withSources(healthDocument(state), sources), version };
        return offset_ms === 0 ? health : { ...health, clock: { offset_ms } };
      },
    }),
  }),
  endpoint({
    method: 'GET',
    path: '/system/metrics',
    operation: 'system.metrics',
    permission: 'fleet',
    summary:
      'Get current metrics, with the hour and the day so far; with a query, the series of hours or days, whole or by worker or model',
    query: MetricsQuery,
    responses: { 200: Type.Union([CurrentMetrics, MetricsSeries, MetricsGroups]) },
    etag: true,
    async run(context, request) {
      const { group_by, group, ...range } = request.query;
      if (group_by !== undefined) return metricsGroups(context, { ...request.query, group_by });
      if (group !== undefined) throw noGroup();
      return isSeries(range) ? series(context, range) : currentMetrics(context, request);
    },
  }),
  endpoint({
    method: 'GET',
    path: '/system/settings',
    operation: 'system.settings',
    permission: 'admin',
    summary: 'Get the settings of this instance, without secrets',
    responses: { 200: SystemSettings },
    run: async ({ version, store, settings, engine }) => ({
      version,
      store: store.url,
      destinations: [...engine.policy.routing.notifiers].sort(),
      settings: shownSettings(settings),
    }),
  }),
];
