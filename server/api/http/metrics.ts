/** `GET /metrics`, for Prometheus; until the journal has been read only the metrics of the process. */
import type { FastifyInstance } from 'fastify';
import { expose } from '../../telemetry/exposition.ts';
import { programMetrics } from '../../telemetry/metrics.ts';
import type { ApiContext } from '../context.ts';

export function addMetrics(app: FastifyInstance, current: () => ApiContext | null, version: string): void {
  const ofProgram = programMetrics(version);
  app.get('/metrics', async (request, reply) => {
    const families = [...((await current()?.metrics()) ?? []), ...(await ofProgram())];
    const { content_type, text } = await expose(families, request.headers.accept);
    reply.type(content_type);
    return text;
  });
}
