/** Probes outside /api/v1: liveness and readiness. */
import type { FastifyInstance } from 'fastify';
import type { ApiContext } from '../context.ts';

const PROBE = { permission: 'open', any_host: true } as const;

export function addProbes(app: FastifyInstance, current: () => ApiContext | null): void {
  app.get('/livez', { config: PROBE }, async () => ({ status: 'ok' }));
  app.get('/readyz', { config: PROBE }, async (_, reply) => {
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
}
