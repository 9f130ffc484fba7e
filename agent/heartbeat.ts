/**
 * The worker's heartbeat, independent of the engine: sends health and lease tokens, receives commands and lost leases.
 *
 * It beats every quarter of a lease, but at least every BEAT_MS_MAX, so that three heartbeats may be lost before a
 * lease expires. The length of a lease is taken from the first one, in the monitor's own times, because clocks may
 * differ.
 */
import { parseTime } from '../protocol/time.ts';
import type { HealthReport, WorkerCommand } from '../protocol/worker.ts';
import type { TranscriptionAPI } from '../sdk/typescript/index.ts';
import type { HeldJob } from './held-job.ts';
import { isAway } from './send-until-answered.ts';

export type HeartbeatOptions = {
  api: TranscriptionAPI;
  workerId: string;
  readHealth: () => Promise<HealthReport>;
  /** The jobs held now, by lease token. */
  held: ReadonlyMap<string, HeldJob>;
  onCommand: (command: WorkerCommand) => void;
  /** The monitor refused the heartbeat: it doesn't know the worker, or has terminated it. */
  onRefused: (error: unknown) => void;
  /** Called after every heartbeat: with its error, or null. */
  onAway: (error: Error | null) => void;
};

const BEAT_MS_MAX = 10_000;
const BEAT_MS_MIN = 100;
const TIMEOUT_MS_MIN = 2_000;

export class Heartbeat {
  readonly #options: HeartbeatOptions;
  #beat_ms = BEAT_MS_MAX;
  #timer: NodeJS.Timeout | undefined;
  #beating = false;
  #again = false;
  #stopped = false;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  start(): void {
    void this.#beat();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /** Sends a heartbeat now, because the response probably has a command. */
  hurry(): void {
    if (this.#beating) this.#again = true;
    else void this.#beat();
  }

  /** Makes the interval short enough for the leases of these jobs. */
  keep(held: HeldJob): void {
    const { job, lease } = held.claimed;
    const lease_ms = parseTime(lease.expires_at) - parseTime(job.worker?.assigned_at ?? job.updated_at);
    if (Number.isNaN(lease_ms) || lease_ms / 4 >= this.#beat_ms) return;
    this.#beat_ms = Math.max(BEAT_MS_MIN, lease_ms / 4);
    if (!this.#beating) this.#schedule();
  }

  async #beat(): Promise<void> {
    if (this.#stopped || this.#beating) return;
    clearTimeout(this.#timer);
    this.#beating = true;
    const { api, workerId, held } = this.#options;
    try {
      const health = await this.#options.readHealth().catch(() => ({}));
      const named = new Map(held);
      const answer = await api.workers.heartbeat(
        workerId,
        { health, leases: [...named.keys()] },
        { retries: 0, timeoutMs: Math.max(TIMEOUT_MS_MIN, this.#beat_ms) },
      );
      if (this.#stopped) return;
      this.#options.onAway(null);
      const renewed = new Set(answer.leases.map((lease) => lease.token));
      for (const [token, job] of named) if (!renewed.has(token)) job.stop('lease_lost');
      for (const command of answer.commands) this.#options.onCommand(command);
    } catch (error) {
      if (this.#stopped) return;
      if (isAway(error)) this.#options.onAway(error);
      else this.#options.onRefused(error);
    } finally {
      this.#beating = false;
      if (this.#again) {
        this.#again = false;
        void this.#beat();
      } else if (!this.#stopped) this.#schedule();
    }
  }

  /** Slightly early at random, so that a fleet's heartbeats spread out. */
  #schedule(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#beat(), this.#beat_ms * (0.9 + 0.1 * Math.random()));
  }
}
