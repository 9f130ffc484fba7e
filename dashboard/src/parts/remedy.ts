/** The call that helps a job: the one of `/why`, or the one that follows from its verdict, and how it is made. */
import type { Job } from '../../../protocol/job.ts';
import type { JobWhy } from '../../../protocol/why.ts';
import type { TranscriptionAPI } from '../../../sdk/typescript/index.ts';
import type { Permission } from '../live/use-may.tsx';

export type Remedy = NonNullable<JobWhy['remedy']>;

/** Those that the viewer may do. */
export const doable = (remedies: readonly Remedy[], mayAny: (needs: Permission) => boolean): Remedy[] =>
  remedies.filter((remedy) => {
    const call = callOf(remedy);
    return call !== undefined && mayAny(call.needs);
  });

/** Null if there is nothing to do but wait. */
export function remedyOf({ job_id, verdict, worker }: Pick<Job, 'job_id' | 'verdict' | 'worker'>): Remedy | null {
  const worker_id = worker?.worker_id ?? verdict?.evidence.worker_id;
  switch (verdict?.status) {
    case 'hung':
      return {
        what: `Restart worker ${worker_id}; its job returns to its place, and the attempt does not count`,
        method: 'POST',
        path: `/api/v1/workers/${worker_id}/restart`,
      };
    case 'dead':
      return {
        what: `Terminate worker ${worker_id}, which is silent; its job returns to the queue now`,
        method: 'DELETE',
        path: `/api/v1/workers/${worker_id}`,
      };
    case 'blocked':
      if (verdict.evidence.cause !== 'url_expired') return LAUNCH;
      return {
        what: 'Cancel it, and submit the recording with a new URL',
        method: 'DELETE',
        path: `/api/v1/jobs/${job_id}`,
      };
    case 'starved':
      return LAUNCH;
    default:
      return null;
  }
}

const LAUNCH: Remedy = {
  what: 'Launch one more worker on the fleet of the monitor',
  method: 'POST',
  path: '/api/v1/workers',
  body: {},
};

type Call = { label: string; needs: Permission; run: (api: TranscriptionAPI) => Promise<unknown> };

/** Undefined for a call that this page does not know. */
export function callOf({ method, path }: Remedy): Call | undefined {
  const [, kind, id = '', verb = ''] =
    /^\/api\/v1\/(jobs|workers|tenants)(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(path) ?? [];
  const name = decodeURIComponent(id);
  switch (`${method} ${kind} ${verb}`.trim()) {
    case 'POST workers restart':
      return { label: 'Requeue', needs: 'operate', run: (api) => api.workers.restart(name) };
    case 'DELETE workers':
      return { label: 'Requeue', needs: 'end_worker', run: (api) => api.workers.terminate(name) };
    case 'POST workers':
      return id === '' ? { label: 'Launch worker', needs: 'operate', run: (api) => api.workers.launch() } : undefined;
    case 'POST jobs retry':
      return { label: 'Run again', needs: 'submit', run: (api) => api.jobs.retry(name) };
    case 'POST tenants resume':
      return { label: 'Resume tenant', needs: 'operate', run: (api) => api.tenants.resume(name) };
    case 'DELETE jobs':
      return { label: 'Cancel', needs: 'submit', run: (api) => api.jobs.cancel(name) };
    default:
      return undefined;
  }
}
