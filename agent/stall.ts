/**
 * Ends an engine that makes no progress: it may be stopped, spin, or wait for something that never comes.
 *
 * How long is too long follows from the pace of the engine on this machine. It is generous, because a slow engine must not
 * be killed; and an engine that finds no speech reports no steps although it works. It may be silent for the longest of
 *
 *     2 min
 *     SILENCES × its longest silence so far, in this job and in finished ones (until the first step the model is loaded)
 *     WORK × the time that it needs for the rest of the recording, by its work per length of audio so far
 *
 * and, while nothing is known of its work, for FIRST_MS + FIRST_FACTOR × the length of the recording. Time during which
 * this process itself did not run does not count.
 *
 * While the engine loads its model for the job, LOADING_MS is too long; while it works on other jobs, nothing is.
 */
import type { Clock } from './clock.ts';
import { EngineError, type EngineLimits, type EngineStage } from './engines/engine.ts';

const SILENCE_MS_MIN = 120_000;
const SILENCES = 10;
const WORK = 3;
/** A model may have to be loaded, and a large one on a slow processor takes many times the length of the audio. */
const FIRST_MS = 600_000;
const FIRST_FACTOR = 20;
/** A large model may come from a slow disk, or be downloaded again. */
const LOADING_MS = 1_800_000;
/** Of shorter recordings most of the work is loading the model. */
const AUDIO_MS_MIN = 30_000;
/** Of a recording whose length is not known. */
const UNKNOWN_SECONDS = 3600;
const CHECK_MS = 5_000;
const CHECKS_PER_LIMIT = 4;

/** What has been seen of the engine on this machine, in jobs that it finished. */
export class Pace {
  /** The longest silence in a job with steps; 0 if there was none. */
  longest_ms = 0;
  /** The most work per length of audio; 0 before the first job. */
  work_per_audio = 0;
}

export type StallOptions = {
  duration_seconds: number | null;
  limits: EngineLimits;
  pace: Pace;
  clock: Clock;
  /** The engine is to be killed. */
  onStall: (error: EngineError) => void;
};

export class StallWatch {
  readonly #options: StallOptions;
  #audio_ms: number;
  #known: boolean;
  readonly #check_ms: number;
  /** Since the start, and since the last step: counted as it passes. */
  #work_ms = 0;
  #silent_ms = 0;
  #counted_ms: number;
  #longest_ms = 0;
  /** Part of the recording that is done, and the work until then. */
  #part = 0;
  #part_ms = 0;
  #steps = 0;
  #stage: EngineStage = 'TRANSCRIBING';
  #cancel: () => void;

  constructor(options: StallOptions) {
    this.#options = options;
    this.#known = options.duration_seconds !== null;
    this.#audio_ms = (options.duration_seconds ?? UNKNOWN_SECONDS) * 1000;
    const { stall_ms, job } = options.limits;
    const shortest_ms = Math.min(Number(stall_ms) || Number.POSITIVE_INFINITY, this.#jobLimit(job));
    this.#check_ms = Math.max(1, Math.min(CHECK_MS, shortest_ms / CHECKS_PER_LIMIT));
    this.#counted_ms = options.clock.monotonic();
    this.#cancel = () => {};
    if (stall_ms !== 'off' || job !== undefined) this.#checkLater();
  }

  /** The engine says how long the recording is. */
  lasts(duration_seconds: number): void {
    this.#known = true;
    this.#audio_ms = duration_seconds * 1000;
  }

  /** What was counted before does not count: the engine begins with the job, perhaps once more. */
  enter(stage: EngineStage): void {
    this.#stage = stage;
    this.#work_ms = 0;
    this.#silent_ms = 0;
    this.#part = 0;
    this.#part_ms = 0;
    this.#counted_ms = this.#options.clock.monotonic();
  }

  /** The engine has reported progress that it had not reported before. */
  step(percentage: number): void {
    this.#count();
    this.#longest_ms = Math.max(this.#longest_ms, this.#silent_ms);
    this.#silent_ms = 0;
    this.#steps += 1;
    this.#part = Math.min(1, percentage / 100);
    this.#part_ms = this.#work_ms;
  }

  /** The engine has ended well. */
  done(): void {
    this.stop();
    this.#count();
    const { pace } = this.#options;
    if (this.#steps > 0) pace.longest_ms = Math.max(pace.longest_ms, this.#longest_ms, this.#silent_ms);
    if (!this.#known) return;
    pace.work_per_audio = Math.max(pace.work_per_audio, this.#work_ms / Math.max(this.#audio_ms, AUDIO_MS_MIN));
  }

  stop(): void {
    this.#cancel();
  }

  #check(): void {
    this.#count();
    const error = this.#excess();
    if (error !== null) return this.#options.onStall(error);
    this.#checkLater();
  }

  #checkLater(): void {
    this.#cancel = this.#options.clock.after(this.#check_ms, () => this.#check());
  }

  #jobLimit(job: EngineLimits['job']): number {
    if (job === undefined) return Number.POSITIVE_INFINITY;
    return 'ms' in job ? job.ms : job.times * this.#audio_ms;
  }

  /** If more time has passed than between two checks, this process was stopped, and perhaps the engine with it. */
  #count(): void {
    const now_ms = this.#options.clock.monotonic();
    const passed_ms = Math.min(now_ms - this.#counted_ms, 2 * this.#check_ms);
    this.#counted_ms = now_ms;
    this.#work_ms += passed_ms;
    this.#silent_ms += passed_ms;
  }

  #excess(): EngineError | null {
    if (this.#stage === 'WAITING_FOR_ENGINE') return null;
    const { stall_ms, job } = this.#options.limits;
    const job_ms = this.#jobLimit(job);
    if (this.#work_ms > job_ms) {
      return new EngineError('engine_stalled', `the engine took longer than ${inWords(job_ms)}`, {
        hint: 'raise --job-timeout if it needs that long',
      });
    }
    if (stall_ms === 'off' || this.#silent_ms <= (stall_ms ?? this.#silence_ms())) return null;
    return new EngineError('engine_stalled', `the engine made no progress for ${inWords(this.#silent_ms)}`, {
      hint: 'set --stall-timeout if it needs that long for a step',
    });
  }

  #silence_ms(): number {
    if (this.#stage === 'LOADING_MODEL') return LOADING_MS;
    const { longest_ms, work_per_audio } = this.#options.pace;
    const here = this.#part > 0 ? this.#part_ms / (this.#part * this.#audio_ms) : 0;
    const rate = Math.max(work_per_audio, here);
    if (rate === 0) return FIRST_MS + FIRST_FACTOR * this.#audio_ms;
    const rest_ms = Math.max(AUDIO_MS_MIN, (1 - this.#part) * this.#audio_ms);
    return Math.max(SILENCE_MS_MIN, SILENCES * Math.max(longest_ms, this.#longest_ms), WORK * rate * rest_ms);
  }
}

function inWords(ms: number): string {
  return ms < 120_000 ? `${Math.round(ms / 1000)} s` : `${Math.round(ms / 60_000)} min`;
}
