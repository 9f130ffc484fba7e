/** `api.workers`: worker processes, from the outside (list, restart) and from the inside (claim, heartbeat). */
import type { Static } from 'typebox';
import type { Claimed } from '../../protocol/job.ts';
import type {
  Claim,
  Heartbeat,
  HeartbeatAnswer,
  Reconciliation,
  Worker,
  WorkerDrain,
  WorkerJob as WorkerJobSchema,
  WorkerLaunch,
  WorkerRegistration,
  WorkerUsage,
  WorkerVerdict,
} from '../../protocol/worker.ts';
import { type Page, Pages } from './pages.ts';
import { type CallOptions, segment, type Transport } from './transport.ts';

/** A job in a worker's history. */
export type WorkerJob = Static<typeof WorkerJobSchema>;

/** Longer than the longest long poll, so that only a dead network ends a claim. */
const CLAIM_MARGIN_MS = 15_000;

export class Workers {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  list(
    query: { verdict?: WorkerVerdict['status']; limit?: number; cursor?: string } = {},
    options: CallOptions = {},
  ): Pages<Worker> {
    return new Pages((cursor) =>
      this.#transport.json<Page<Worker>>({
        method: 'GET',
        path: '/workers',
        query: { ...query, cursor: cursor ?? query.cursor },
        ...options,
      }),
    );
  }

  get(workerId: string, options: CallOptions = {}): Promise<Worker> {
    return this.#transport.json({ method: 'GET', path: pathOf(workerId), ...options });
  }

  /** The worker's jobs, newest attempt first. */
  jobs(workerId: string, query: { limit?: number } = {}, options: CallOptions = {}): Pages<WorkerJob> {
    return new Pages((cursor) =>
      this.#transport.json<Page<WorkerJob>>({
        method: 'GET',
        path: `${pathOf(workerId)}/jobs`,
        query: { ...query, cursor },
        ...options,
      }),
    );
  }

  /** What it has used in the last hour, by the heartbeats that this instance of the monitor has seen. */
  usage(workerId: string, options: CallOptions = {}): Promise<WorkerUsage> {
    return this.#transport.json({ method: 'GET', path: `${pathOf(workerId)}/usage`, ...options });
  }

  /** Launches a worker on the monitor's fleet. */
  launch(launch: WorkerLaunch = {}, options: CallOptions = {}): Promise<Worker> {
    return this.#transport.json({ method: 'POST', path: '/workers', body: launch, ...options });
  }

  /**
   * Compares the workers with the instances of the monitor's fleet, and settles the differences that are confirmed. With `dry_run`,
   * only returns them.
   */
  reconcile(request: { dry_run?: boolean } = {}, options: CallOptions = {}): Promise<Reconciliation> {
    return this.#transport.json({ method: 'POST', path: '/workers/reconcile', body: request, ...options });
  }

  /** The worker stops at once, releases its jobs and starts again. */
  restart(workerId: string, options: CallOptions = {}): Promise<Worker> {
    return this.#transport.json({ method: 'POST', path: `${pathOf(workerId)}/restart`, ...options });
  }

  /** The worker finishes its jobs, then exits. `reason` is shown; `replace`: its machine is being taken away. */
  drain(workerId: string, { reason, replace, ...options }: WorkerDrain & CallOptions = {}): Promise<Worker> {
    return this.#transport.json({
      operation: { name: 'workers.drain', params: { worker_id: workerId } },
      method: 'POST',
      path: `${pathOf(workerId)}/drain`,
      body: { reason, replace },
      ...options,
    });
  }

  /** The worker stops now; its jobs return to the queue. */
  terminate(workerId: string, options: CallOptions = {}): Promise<Worker> {
    return this.#transport.json({
      operation: { name: 'workers.terminate', params: { worker_id: workerId } },
      method: 'DELETE',
      path: pathOf(workerId),
      ...options,
    });
  }

  /** For workers: registers the worker, or updates its registration. */
  register(workerId: string, registration: WorkerRegistration, options: CallOptions = {}): Promise<Worker> {
    return this.#transport.json({
      operation: { name: 'workers.register', params: { worker_id: workerId } },
      method: 'PUT',
      path: pathOf(workerId),
      body: registration,
      ...options,
    });
  }

  /** For workers: sends health, returns commands; renews the leases named. One missing in the result is lost. */
  heartbeat(workerId: string, heartbeat: Heartbeat, options: CallOptions = {}): Promise<HeartbeatAnswer> {
    return this.#transport.json({
      operation: { name: 'workers.heartbeat', params: { worker_id: workerId } },
      method: 'POST',
      path: `${pathOf(workerId)}/heartbeat`,
      body: heartbeat,
      ...options,
    });
  }

  /** For workers: waits up to `wait_seconds` for up to `max_jobs` jobs. */
  claim(workerId: string, claim: Claim = {}, options: CallOptions = {}): Promise<Claimed> {
    return this.#transport.json({
      operation: { name: 'workers.claim', params: { worker_id: workerId } },
      method: 'POST',
      path: `${pathOf(workerId)}/claim`,
      body: claim,
      timeoutMs: (claim.wait_seconds ?? 0) * 1000 + CLAIM_MARGIN_MS,
      ...options,
    });
  }
}

function pathOf(workerId: string): string {
  return `/workers/${segment(workerId)}`;
}
