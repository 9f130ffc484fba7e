/** Probes outside /api/v1: liveness, readiness and metrics for Prometheus. */
import type { FastifyInstance } from 'fastify';
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { healthDocument } from '../../documents/system.ts';
import type { ApiContext } from '../context.ts';
import { addCacheMetrics } from './cache-metrics.ts';
import { addQueueMetrics } from './queue-metrics.ts';

export function addProbes(app: FastifyInstance, current: () => ApiContext | null): void {
  app.get('/livez', async () => ({ status: 'ok' }));
  app.get('/readyz', async (_, reply) => {
    const status = current()?.engine.journal.status;
    const clock = status && status.clock_offset_ms !== 0 ? { clock: { offset_ms: status.clock_offset_ms } } : {};
    const cache_problem = current()?.cache?.status.problem ?? null;
    // The cache is for readers beside the monitor; without it the monitor is still ready.
    const cache = cache_problem === null ? {} : { cache: { problem: cache_problem } };
    // Without its queue the monitor still serves every request; workers get no new jobs meanwhile.
    const queue_problem = current()?.queue?.problem ?? null;
    const notes = { ...clock, ...cache, ...(queue_problem === null ? {} : { queue: { problem: queue_problem } }) };
    if (status?.writable) return { status: 'ready', seq: status.seq, ...notes };
    reply.code(503).header('retry-after', '2');
    if (!status) return { status: 'starting' };
    const { problem, problems, halted, seq } = status;
    return { status: 'not_ready', problem, problems, halted, seq, ...notes };
  });
  const registry = metricsOf(current);
  app.get('/metrics', async (_, reply) => {
    reply.type(registry.contentType);
    return registry.metrics();
  });
}

function metricsOf(current: () => ApiContext | null): Registry {
  const registry = new Registry();
  const gauge = (
    name: string,
    help: string,
    read: (context: ApiContext, metric: Gauge<string>) => void,
    labels: string[] = [],
  ) =>
    new Gauge({
      name: `transcription_monitor_${name}`,
      help,
      labelNames: labels,
      registers: [registry],
      collect() {
        const context = current();
        if (context) read(context, this);
      },
    });
  gauge(
    'jobs',
    'Jobs in memory by state',
    ({ engine }, metric) => {
      for (const [state, ids] of Object.entries(engine.state.tables.jobs_by_state)) metric.set({ state }, ids.size);
    },
    ['state'],
  );
  gauge(
    'workers',
    'Live workers by state',
    ({ engine }, metric) => {
      metric.reset();
      for (const worker of engine.state.tables.workers.values()) {
        if (worker.state !== 'TERMINATED') metric.inc({ state: worker.state });
      }
    },
    ['state'],
  );
  gauge('queue_age_seconds', 'Waiting time of the oldest claimable job', ({ engine }, metric) =>
    metric.set(healthDocument(engine.state).components.queue.age_oldest_message ?? 0),
  );
  gauge('dead_letters', 'Jobs in the dead-letter queue', ({ engine }, metric) =>
    metric.set(engine.state.tables.dead.size),
  );
  gauge('alerts_active', 'Alerts that are not resolved', ({ engine }, metric) =>
    metric.set(healthDocument(engine.state).alerts.length),
  );
  gauge('cost_per_hour_usd', "Sum of the live workers' hourly prices", ({ engine }, metric) =>
    metric.set(healthDocument(engine.state).metrics.cost_per_hour_usd),
  );
  gauge('journal_seq', 'Last segment applied', ({ engine }, metric) => metric.set(engine.state.seq));
  gauge('journal_writable', '1 while the store accepts writes', ({ engine }, metric) =>
    metric.set(engine.journal.status.writable ? 1 : 0),
  );
  addCacheMetrics(registry, () => current()?.cache ?? null);
  addQueueMetrics(registry, () => current()?.queue ?? null);
  return Registry.merge([processMetrics(), registry]) as Registry;
}

let ofThisProcess: Registry | undefined;

/**
 * Collected once per process: their observer of garbage collections can't be removed, and would keep every stopped
 * server in memory.
 */
function processMetrics(): Registry {
  if (!ofThisProcess) {
    ofThisProcess = new Registry();
    collectDefaultMetrics({ register: ofThisProcess });
  }
  return ofThisProcess;
}
