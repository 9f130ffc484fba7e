/**
 * The worker's pulse, on its own and whatever the engine does: health and lease tokens in, commands and lost leases out.
 *
 * It beats every quarter of a lease, every BEAT_MS_MAX at most, so that three beats may go missing before a lease runs out. The
 * length of a lease is read off the first one, in the monitor's own times: its clock and ours may differ.
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
  /** What it holds now, by lease token. */
  held: ReadonlyMap<string, HeldJob>;
  onCommand: (command: WorkerCommand) => void;
  /** The monitor refuses the beat itself: it doesn't know the worker, or has let it go. */
  onRefused: (error: unknown) => void;
  /** Told of every beat: that it had no answer, or null. */
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

  /** Now, because something is likely to wait in the answer. */
  hurry(): void {
    if (this.#beating) this.#again = true;
    else void this.#beat();
  }

  /** Beats fast enough for the leases of these jobs. */
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

  /** A little early at random, so that a fleet doesn't beat in step. */
  #schedule(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#beat(), this.#beat_ms * (0.9 + 0.1 * Math.random()));
  }
}
