/**
 * What workers have used in the last hour: samples from their heartbeats, for the charts of the dashboard. In memory, of this
 * instance: after a restart it begins anew. The state has only the latest figures, so that snapshots stay small.
 */
import type { Engine } from '../engine.ts';

export type UsageSample = {
  at_ms: number;
  cpu_usage: number | null;
  memory_usage: number | null;
  gpu_usage: number | null;
  disk_usage: number | null;
};

const SPACING_MS = 30_000;
const SAMPLES_MAX = 120;
/** With all samples 5 MB for 1,000. */
const WORKERS_MAX = 2_000;
/** Time, CPU, memory, GPU, disk. */
const COLUMNS = 5;

export class UsageHistory {
  readonly #workers = new Map<string, Samples>();
  readonly stop: () => void;

  constructor(engine: Pick<Engine, 'subscribe'>) {
    this.stop = engine.subscribe((segment) => {
      for (const event of segment?.events ?? []) {
        if (event.type === 'WorkerTerminated') this.#workers.delete(event.entity);
        if (event.type === 'WorkerBeat' && !event.data.sign) {
          const { cpu_usage = null, memory_usage = null, gpu_usage = null, disk_usage = null } = event.data.health;
          this.#add(event.entity, { at_ms: segment!.at_ms, cpu_usage, memory_usage, gpu_usage, disk_usage });
        }
      }
    });
  }

  /** Oldest first. */
  of(worker_id: string): UsageSample[] {
    return this.#workers.get(worker_id)?.all() ?? [];
  }

  #add(worker_id: string, sample: UsageSample): void {
    let samples = this.#workers.get(worker_id);
    if (samples === undefined) {
      if (this.#workers.size >= WORKERS_MAX) return;
      samples = new Samples();
      this.#workers.set(worker_id, samples);
    }
    samples.add(sample);
  }
}

/** A ring. */
class Samples {
  readonly #values = new Float64Array(SAMPLES_MAX * COLUMNS);
  #next = 0;
  #size = 0;
  #last_ms = Number.NEGATIVE_INFINITY;

  /** A little early counts: heartbeats come every 30 s, more or less. */
  add({ at_ms, cpu_usage, memory_usage, gpu_usage, disk_usage }: UsageSample): void {
    if (at_ms - this.#last_ms < 0.75 * SPACING_MS) return;
    this.#last_ms = at_ms;
    const row = [at_ms, cpu_usage, memory_usage, gpu_usage, disk_usage].map((value) => value ?? Number.NaN);
    this.#values.set(row, this.#next * COLUMNS);
    this.#next = (this.#next + 1) % SAMPLES_MAX;
    this.#size = Math.min(SAMPLES_MAX, this.#size + 1);
  }

  all(): UsageSample[] {
    return Array.from({ length: this.#size }, (_, index) => {
      const at = ((this.#next - this.#size + index + SAMPLES_MAX) % SAMPLES_MAX) * COLUMNS;
      const [at_ms = 0, ...usage] = this.#values.subarray(at, at + COLUMNS);
      const [cpu_usage, memory_usage, gpu_usage, disk_usage] = usage.map((value) =>
        Number.isNaN(value) ? null : value,
      ) as [number | null, number | null, number | null, number | null];
      return { at_ms, cpu_usage, memory_usage, gpu_usage, disk_usage };
    });
  }
}
