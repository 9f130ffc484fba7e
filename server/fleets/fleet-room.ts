/** Keeps launches within a fleet's maximum, also when several are under way and the newest are not listed yet. */
import { MonitorError } from '../../protocol/errors.ts';
import type { Clock } from '../clock.ts';

export type FleetRoomOptions = {
  /** null: no limit. */
  max: number | null;
  fleet: string;
  /** The live instances, each with the worker that it was launched for. */
  live: () => Promise<{ instance_id: string; worker_id: string | undefined }[]>;
  clock: Clock;
};

/** How long a new instance may be missing from listings. */
const UNLISTED_MS = 300_000;

export class FleetRoom {
  readonly #options: FleetRoomOptions;
  /** Workers whose launch is under way; their instances may be listed already. */
  readonly #launching = new Set<string>();
  /** New instances, and when they were launched. */
  readonly #recent = new Map<string, number>();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: FleetRoomOptions) {
    this.#options = options;
  }

  /** Runs a launch that returns the new instance's id. Throws MonitorError if there is no room. */
  async within<T extends { InstanceId?: string | undefined }>(worker_id: string, launch: () => Promise<T>): Promise<T> {
    if (this.#options.max === null) return launch();
    const turn = this.#turn.then(() => this.#reserve(worker_id));
    this.#turn = turn.catch(() => undefined);
    await turn;
    try {
      const launched = await launch();
      this.#recent.set(launched.InstanceId!, this.#options.clock.monotonic());
      return launched;
    } finally {
      this.#launching.delete(worker_id);
    }
  }

  left(instance_id: string): void {
    this.#recent.delete(instance_id);
  }

  async #reserve(worker_id: string): Promise<void> {
    const { max, fleet, live, clock } = this.#options;
    const listed = (await live()).filter((instance) => !this.#launching.has(instance.worker_id ?? ''));
    const ids = new Set(listed.map(({ instance_id }) => instance_id));
    for (const [id, at_ms] of this.#recent) {
      if (ids.has(id) || clock.monotonic() - at_ms > UNLISTED_MS) this.#recent.delete(id);
    }
    const count = ids.size + this.#recent.size + this.#launching.size;
    if (count >= max!) {
      throw new MonitorError('conflict', 'fleet_full', `fleet ${fleet}: ${count} of at most ${max} instances run`, {
        hint: 'Terminate a worker, or restart the monitor with a larger max in --fleet.',
      });
    }
    this.#launching.add(worker_id);
  }
}
