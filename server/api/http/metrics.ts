/** `GET /metrics`, for Prometheus; until the journal has been read only the metrics of the process. */
import type { FastifyInstance } from 'fastify';
import { expose } from '../../telemetry/exposition.ts';
import { programMetrics } from '../../telemetry/metrics.ts';
import type { ApiContext } from '../context.ts';
import type { MetricsPage } from './metrics-server.ts';

export function metricsPage(current: () => ApiContext | null, version: string): MetricsPage {
  const ofProgram = programMetrics(version);
  return async (accept) => expose([...((await current()?.metrics()) ?? []), ...(await ofProgram())], accept);
}

export function addMetrics(app: FastifyInstance, page: MetricsPage): void {
  const config = { permission: 'fleet', what: '/metrics', any_host: true, early: true } as const;
  app.get('/metrics', { config }, async (request, reply) => {
    const { content_type, text } = await page(request.headers.accept);
    reply.type(content_type);
    return text;
  });
}
