/** Applies events to workers, and to the leases that their heartbeats renew. */
import type { WorkerEvent } from '../events.ts';
import { beaten } from '../state/beats.ts';
import type { WorkerRecord } from '../state/records.ts';
import { running } from '../state/records.ts';
import type { State } from '../state/state.ts';

export function applyWorkerEvent(state: State, event: WorkerEvent): void {
  const worker = state.worker(event.entity);
  if (event.type === 'WorkerLaunched' || event.type === 'WorkerRegistered') return arrive(state, worker, event);
  if (!worker) return;
  switch (event.type) {
    case 'WorkerBeat': {
      const { health, status, check_ms, renewed, expires_ms } = event.data;
      for (const job_id of renewed) {
        const job = state.job(job_id);
        // No document shows a renewal, so the version stays.
        if (job?.run && job.run.ended_ms === null && running(job.state)) {
          state.putJob({ ...job, run: { ...job.run, expires_ms } });
        }
      }
      const gpu = health.gpu_usage;
      return state.putWorker({
        ...worker,
        version: state.seq,
        // It says what it holds: nothing, if its leases ended while it was silent.
        state: worker.state === 'ACTIVE' && worker.holds.length === 0 ? 'IDLE' : worker.state,
        health,
        status,
        check_ms,
        heartbeat_ms: state.at_ms,
        ...(event.data.sign ? {} : { beats: beaten(worker.beats, state.at_ms) }),
        holds:
          typeof gpu === 'number'
            ? worker.holds.map((hold) => ({ ...hold, gpu_sum: hold.gpu_sum + gpu, gpu_count: hold.gpu_count + 1 }))
            : worker.holds,
      });
    }
    case 'WorkerStatusChanged':
      return state.putWorker({
        ...worker,
        version: state.seq,
        status: event.data.status,
        check_ms: event.data.check_ms,
      });
    case 'WorkerJudged': {
      const { verdict, ...rest } = worker;
      const { status, since_ms, reason, evidence } = event.data;
      const judged_ms = verdict?.status === status ? verdict.judged_ms : state.at_ms;
      const judged = status === 'ok' ? {} : { verdict: { status, since_ms, reason, evidence, judged_ms } };
      return state.putWorker({ ...rest, ...judged, version: state.seq });
    }
    case 'WorkerDraining': {
      const { reason = null, replace = false } = event.data;
      return state.putWorker({ ...worker, version: state.seq, state: 'DRAINING', exit: { reason, replace } });
    }
    case 'WorkerRestarting': {
      const { exit: _, ...staying } = worker;
      return state.putWorker({ ...staying, version: state.seq, state: 'RESTARTING', check_ms: event.data.check_ms });
    }
    case 'WorkerTerminated': {
      const { verdict: _, ...ending } = worker;
      return state.putWorker({
        ...ending,
        version: state.seq,
        state: 'TERMINATED',
        terminated_ms: state.at_ms,
        exit: { reason: event.data.reason, replace: worker.exit?.replace ?? false },
        check_ms: null,
        // Jobs that run elsewhere continue there.
        holds: [],
      });
    }
  }
}

/** A worker was launched or registered: for the first time, with other capabilities, or after its end. */
function arrive(
  state: State,
  known: WorkerRecord | undefined,
  event: WorkerEvent & { type: 'WorkerLaunched' | 'WorkerRegistered' },
): void {
  const registered = event.type === 'WorkerRegistered';
  const fresh = !known || known.state === 'TERMINATED';
  // The faults of a process that was restarted on purpose are over; those of one that dies again and again are not.
  const { reported: _, exit, faults, beats: __, verdict: ___, found, tenant: own, ...before } = known ?? NEW_WORKER;
  const kept = faults !== undefined && !fresh && known.state !== 'RESTARTING';
  const arrived = stateOnArrival(known, registered);
  const tenant = registered ? event.data.tenant : own;
  state.putWorker({
    ...before,
    ...(kept ? { faults } : {}),
    ...(tenant === undefined ? {} : { tenant }),
    ...(isFound(event) || (found && !registered) ? { found: true as const } : {}),
    worker_id: event.entity,
    ordinal: known?.ordinal ?? state.nextOrdinal(),
    version: state.seq,
    instance_id: registered ? event.data.instance_id : (event.data.instance_id ?? known?.instance_id ?? null),
    state: arrived,
    ...(arrived === 'DRAINING' && exit ? { exit } : {}),
    created_ms: fresh ? state.at_ms : known.created_ms,
    terminated_ms: null,
    heartbeat_ms: registered ? state.at_ms : (known?.heartbeat_ms ?? null),
    status: 'HEALTHY',
    capabilities: { ...known?.capabilities, ...event.data.capabilities },
    location: { ...known?.location, ...event.data.location },
    launched: registered ? (known?.launched ?? false) : true,
    check_ms: event.data.check_ms,
  });
}

/** Its instance runs, and nobody here launched it. */
const isFound = ({ type, data }: WorkerEvent & { type: 'WorkerLaunched' | 'WorkerRegistered' }): boolean =>
  type === 'WorkerLaunched' && data.instance_id !== undefined && data.reason !== undefined;

function stateOnArrival(known: WorkerRecord | undefined, registered: boolean): WorkerRecord['state'] {
  if (!registered) return 'STARTING';
  if (known?.state === 'DRAINING') return 'DRAINING';
  return known && known.holds.length > 0 ? 'ACTIVE' : 'IDLE';
}

export const NEW_WORKER: Omit<WorkerRecord, 'worker_id' | 'ordinal' | 'version' | 'created_ms'> = {
  instance_id: null,
  state: 'STARTING',
  heartbeat_ms: null,
  terminated_ms: null,
  status: 'HEALTHY',
  health: {},
  capabilities: {},
  location: {},
  launched: false,
  holds: [],
  jobs_completed: 0,
  jobs_failed: 0,
  runtime_ms: 0,
  completed_runtime_ms: 0,
  check_ms: null,
};
