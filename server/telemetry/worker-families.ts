/**
 * Metrics of the workers, in one pass over them. Sums have bounded labels; single workers are shown up to WORKERS_MAX,
 * the oldest first, so that a fleet that comes and goes does not make series without end.
 */
import { statusShown, suspended } from '../state-machine/state/able.ts';
import type { WorkerRecord } from '../state-machine/state/records.ts';
import type { State } from '../state-machine/state/state.ts';
import { OTHER, UNKNOWN } from '../state-machine/state/tallies.ts';
import { byLabel, type Family, gauge, type Sample } from './family.ts';

export const WORKERS_MAX = 100;
const KINDS_MAX = 50;

export function workerFamilies(state: State): Family[] {
  const { workers, workers_by_creation } = state.tables;
  const states = new Counts();
  const statuses = new Counts();
  const kinds = new Map<string, Sample & { value: number }>();
  const usage = new Mean();
  let held = 0;
  let out_of_work = 0;
  for (const worker of workers.values()) {
    if (worker.state === 'TERMINATED') continue;
    states.add(worker.state);
    statuses.add(statusShown(worker));
    countKind(kinds, worker);
    usage.add(worker.health.gpu_usage);
    held += worker.holds.length;
    if (suspended(worker)) out_of_work += 1;
  }
  const shown: WorkerRecord[] = [];
  for (const id of workers_by_creation.values()) {
    if (shown.length === WORKERS_MAX) break;
    const worker = workers.get(id);
    if (worker && worker.state !== 'TERMINATED') shown.push(worker);
  }
  const omitted = state.fleet.live_workers - shown.length;
  const each = (read: (worker: WorkerRecord) => number | null | undefined): Sample[] =>
    shown.flatMap((worker) => {
      const value = read(worker);
      return value == null ? [] : { value, labels: { worker: worker.worker_id } };
    });
  const silent_s = ({ heartbeat_ms }: WorkerRecord) => heartbeat_ms && Math.max(0, state.at_ms - heartbeat_ms) / 1000;
  return [
    gauge('workers', 'Live workers by state', byLabel('state', states)),
    gauge('workers_by_status', 'Live workers by health status', byLabel('status', statuses)),
    gauge('workers_by_model', 'Live workers by model and device', [...kinds.values()]),
    gauge('workers_suspended', 'Live workers that get no jobs but one on trial', out_of_work),
    gauge('worker_jobs_held', 'Jobs that workers hold', held),
    gauge('worker_gpu_usage_mean_ratio', 'Mean GPU usage of the live workers that report it', usage.samples(100)),
    gauge(
      'worker_gpu_usage_ratio',
      `GPU usage, as last reported, of the ${WORKERS_MAX} oldest live workers`,
      each(({ health }) => (health.gpu_usage == null ? null : health.gpu_usage / 100)),
    ),
    gauge(
      'worker_jobs',
      'Jobs held, of the same workers',
      each(({ holds }) => holds.length),
    ),
    gauge('worker_silent_seconds', 'Time since the last heartbeat, of the same workers', each(silent_s)),
    gauge('workers_not_shown', 'Live workers beyond those that have series of their own', omitted),
  ];
}

class Counts extends Map<string, number> {
  add(name: string): void {
    this.set(name, (this.get(name) ?? 0) + 1);
  }
}

class Mean {
  #sum = 0;
  #count = 0;

  add(value: number | null | undefined): void {
    if (value == null) return;
    this.#sum += value;
    this.#count += 1;
  }

  samples(parts: number): Sample[] {
    return this.#count === 0 ? [] : [{ value: this.#sum / this.#count / parts }];
  }
}

function countKind(kinds: Map<string, Sample & { value: number }>, { capabilities }: WorkerRecord): void {
  const { model, device } = capabilities;
  const named = { model: model || UNKNOWN, device: device || UNKNOWN };
  const full = kinds.size >= KINDS_MAX && !kinds.has(`${named.model}|${named.device}`);
  const labels = full ? { model: OTHER, device: OTHER } : named;
  const key = `${labels.model}|${labels.device}`;
  const kind = kinds.get(key);
  if (kind) kind.value += 1;
  else kinds.set(key, { value: 1, labels });
}
