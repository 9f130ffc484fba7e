/** How the busy fleet acts: on an engine, for a long history in little time, or through the API of a running monitor. */

import type { CompletionReport, FailureReport, JobSubmission, ProgressReport } from '../../protocol/job.ts';
import type { HealthReport, WorkerRegistration } from '../../protocol/worker.ts';
import { TranscriptionAPI } from '../../sdk/typescript/index.ts';
import type { Engine } from '../../server/engine.ts';
import { newSecret, newUlid } from '../../server/ids.ts';
import type { CommandBody } from '../../server/state-machine/decide/commands.ts';

export type Held = { job_id: string; token: string };

export interface FleetPort {
  register(worker_id: string, registration: WorkerRegistration): Promise<unknown>;
  /** Resolves to the tokens that were renewed. */
  beat(worker_id: string, health: HealthReport, tokens: readonly string[]): Promise<unknown>;
  claim(worker_id: string): Promise<Held | null>;
  drain(worker_id: string, reason: string): Promise<unknown>;
  terminate(worker_id: string): Promise<unknown>;
  submit(jobs: readonly JobSubmission[]): Promise<string[]>;
  cancel(job_id: string): Promise<unknown>;
  progress(held: Held, report: Omit<ProgressReport, 'lease_token'>): Promise<unknown>;
  complete(held: Held, output: CompletionReport['output']): Promise<unknown>;
  fail(held: Held, failure: Omit<FailureReport, 'lease_token'>): Promise<unknown>;
  /** Time has passed. */
  tick(): Promise<unknown>;
  close(): void;
}

/** `newJobId`: of the history's own randomness, so that it is the same again. */
export function enginePort(engine: Engine, newJobId: () => string): FleetPort {
  const run = (body: CommandBody) => engine.submit({ id: newUlid(), fingerprint: '', actor: 'api', body });
  const soft = async (body: CommandBody) =>
    engine.submitSoft({ id: `~${newUlid()}`, fingerprint: '', actor: 'api', body });
  return {
    register: (worker_id, registration) => run({ type: 'register_worker', worker_id, registration }),
    beat: (worker_id, health, leases) => soft({ type: 'beat', worker_id, health, leases }),
    async claim(worker_id) {
      const { refs } = await run({ type: 'claim_jobs', worker_id, max_jobs: 1, secret: newSecret() });
      const [, job_id, token] = refs.find(([type]) => type === 'JobAssigned') ?? [];
      return job_id === undefined ? null : { job_id, token: token! };
    },
    drain: (worker_id, reason) => run({ type: 'drain_worker', worker_id, drain: { reason } }),
    terminate: (worker_id) => run({ type: 'terminate_worker', worker_id, reason: 'the fleet was scaled in' }),
    async submit(jobs) {
      const named = jobs.map((job) => ({ job_id: newJobId(), ...job }));
      await run({ type: 'submit_jobs', jobs: named });
      return named.map(({ job_id }) => job_id);
    },
    cancel: (job_id) => run({ type: 'cancel_job', job_id }),
    progress: ({ job_id, token: lease_token }, report) =>
      soft({ type: 'report_progress', job_id, report: { lease_token, ...report } }),
    complete: ({ job_id, token: lease_token }, output) => run({ type: 'complete_job', job_id, lease_token, output }),
    fail: ({ job_id, token: lease_token }, { error, retry_with }) =>
      run({
        type: 'fail_job',
        job_id,
        lease_token,
        error,
        batch_size: retry_with?.batch_size ?? null,
        jitter: 0.5,
      }),
    tick: () =>
      run({
        type: 'tick',
        ids: Array.from({ length: 64 }, () => `alert-${newUlid()}`),
        notice_ids: Array.from({ length: 16 }, () => `alerts-${newUlid()}`),
        expire: true,
        evaluate: true,
        judge_from: 0,
        observed: {},
      }),
    close: () => {},
  };
}

/** A running monitor notices the time by itself. */
export function apiPort(url: string): FleetPort {
  const api = new TranscriptionAPI({ baseUrl: url, transport: 'websocket' });
  return {
    register: (worker_id, registration) => api.workers.register(worker_id, registration),
    beat: (worker_id, health, leases) => api.workers.heartbeat(worker_id, { health, leases: [...leases] }),
    async claim(worker_id) {
      const [first] = (await api.workers.claim(worker_id)).jobs;
      return first ? { job_id: first.job.job_id, token: first.lease.token } : null;
    },
    drain: (worker_id, reason) => api.workers.drain(worker_id, { reason }),
    terminate: (worker_id) => api.workers.terminate(worker_id),
    submit: async (jobs) => Promise.all(jobs.map(async (job) => (await api.jobs.submit(job)).id)),
    cancel: (job_id) => api.jobs.cancel(job_id),
    progress: ({ job_id, token: lease_token }, report) => api.jobs.reportProgress(job_id, { lease_token, ...report }),
    complete: ({ job_id, token: lease_token }, output) => api.jobs.complete(job_id, { lease_token, output }),
    fail: ({ job_id, token: lease_token }, failure) => api.jobs.fail(job_id, { lease_token, ...failure }),
    tick: async () => undefined,
    close: () => api.close(),
  };
}
