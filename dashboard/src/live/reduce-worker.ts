/** A worker's document, and what the feed says about the worker and its jobs since. */
import type { WorkerChanged } from '../../../protocol/feed-messages.ts';
import type { Worker } from '../../../protocol/worker.ts';
import { ended, type JobMessage } from './reduce-job.ts';

/** Null: a registration of a worker that is not known yet lacks its state, so the document has to be fetched. */
export function withWorkerMessage(worker: Worker | undefined, message: WorkerChanged): Worker | null {
  if (!worker) return null;
  const { state, health, reason, instance_id, capabilities, location, event, at } = message;
  const registered = event === 'WorkerRegistered';
  return {
    ...worker,
    // Its first registration makes it ready; a restarted one has let its jobs go.
    ...(registered && (worker.state === 'STARTING' || worker.state === 'RESTARTING') ? { state: 'IDLE' as const } : {}),
    ...(state === undefined ? {} : { state }),
    ...(reason === undefined ? {} : { reason }),
    ...(instance_id === undefined ? {} : { instance_id }),
    ...(state === 'TERMINATED' ? { current_job: null } : {}),
    last_heartbeat: event === 'WorkerBeat' || registered ? at : worker.last_heartbeat,
    health: health ? { ...worker.health, reason: null, ...health } : worker.health,
    capabilities: capabilities ? withCapabilities(worker.capabilities, capabilities) : worker.capabilities,
    location: location ? { ...worker.location, ...location } : worker.location,
    as_of_seq: Math.max(worker.as_of_seq, message.seq),
  };
}

/** The feed of workers says nothing of the jobs that they hold; the feed of jobs does. */
export function withJobOfWorker(worker: Worker, message: JobMessage): Worker {
  const { job_id, state, at } = message;
  if (state === 'PROCESSING' || state === 'CANCELLING') {
    if (worker.current_job?.job_id === job_id || message.worker_id !== worker.worker_id) return worker;
    const busy = worker.state === 'IDLE' || worker.state === 'STARTING';
    return {
      ...worker,
      state: busy ? 'ACTIVE' : worker.state,
      current_job: { job_id, started_at: at, estimated_completion: null },
    };
  }
  if (worker.current_job?.job_id !== job_id) return worker;
  const { performance } = worker;
  const completed = state === 'COMPLETED' ? 1 : 0;
  const failed = state === 'FAILED' ? 1 : 0;
  return {
    ...worker,
    state: worker.state === 'ACTIVE' ? 'IDLE' : worker.state,
    current_job: null,
    performance: ended(state)
      ? {
          ...performance,
          jobs_completed: performance.jobs_completed + completed,
          jobs_failed: performance.jobs_failed + failed,
        }
      : performance,
  };
}

/** Lists that were withdrawn are absent. */
function withCapabilities(
  before: Worker['capabilities'],
  { options, models, languages, tags, ...change }: NonNullable<WorkerChanged['capabilities']>,
): Worker['capabilities'] {
  const { options: _, models: __, languages: ___, tags: ____, ...rest } = before;
  const list = <N extends keyof Lists>(name: N, now: string[] | null | undefined): Lists =>
    now === null || (now ?? before[name]) === undefined ? {} : { [name]: now ?? before[name] };
  return {
    ...rest,
    ...change,
    ...list('options', options),
    ...list('models', models),
    ...list('languages', languages),
    ...list('tags', tags),
  };
}

type Lists = Pick<Worker['capabilities'], 'options' | 'models' | 'languages' | 'tags'>;
