/**
 * Time left of a transcription.
 *
 * Engines of the Whisper family work in windows of 30 s: nothing is heard of them for the time of a window, then of all its
 * segments in a burst. A *step* is such a burst: its time is that of its first progress, its percentage that of its last.
 * A step counts once its burst is over, because before that it may still grow, unless this engine's steps never do; until
 * then the time left counts down.
 *
 *     rate   time per percent: the mean over the steps, in which one of HALF_LIFE_STEPS ago weighs half of the last; together with
 *            the learned pace (learned-pace.ts), which weighs as much as the first minute of audio
 *     left   (100 - percentage of the last complete step) × rate - time since that step
 *
 * If several steps in a row are all much slower or all much faster than the mean before them, the pace has changed, and what
 * came before no longer counts. The time left is null while nothing is known: no step, and no learned pace.
 */
import type { LearnedPace } from './learned-pace.ts';

const BURST_MS = 250;
/** The learned pace weighs as much as so many seconds of audio. */
const LEARNED_SECONDS = 60;
const SINGLE_STEPS = 2;
const HALF_LIFE_STEPS = 8;
const CHANGED_STEPS = 4;
const CHANGED_FACTOR = 1.7;

type Step = { time_ms: number; percentage: number };

export type EtaOptions = {
  /** When the engine was started, on the clock of every other time here. */
  started_ms: number;
  /** Null if unknown: then the learned pace does not help. */
  audio_seconds: number | null;
  pace: LearnedPace;
};

export class Eta {
  readonly #started_ms: number;
  readonly #pace: LearnedPace;
  #audio_seconds: number | null;
  /** When the engine began to work on the audio, if it said so by a progress of 0. */
  #begun_ms: number | null = null;
  /** Complete steps, oldest first. */
  #steps: Step[] = [];
  /** The newest one, which may still grow. */
  #open: Step | null = null;
  #bursts = false;

  constructor({ started_ms, audio_seconds, pace }: EtaOptions) {
    this.#started_ms = started_ms;
    this.#audio_seconds = audio_seconds;
    this.#pace = pace;
  }

  /** The length that the engine has measured. */
  set audio_seconds(seconds: number) {
    this.#audio_seconds = seconds;
  }

  /** Records a progress. A percentage that has not grown is ignored. */
  note(percentage: number, time_ms: number): void {
    const known = this.#open ?? this.#steps.at(-1);
    if (known === undefined && percentage === 0) this.#begun_ms = time_ms;
    if (percentage <= (known?.percentage ?? 0) || time_ms < (known?.time_ms ?? this.#started_ms)) return;
    if (this.#open !== null && time_ms - this.#open.time_ms <= BURST_MS) {
      this.#open.percentage = percentage;
      this.#bursts = true;
      return;
    }
    if (this.#open !== null) this.#complete(this.#open);
    this.#open = { time_ms, percentage };
  }

  /** Seconds from `time_ms` to the end; null while nothing is known. */
  seconds(time_ms: number): number | null {
    return this.#left(time_ms, this.#known(time_ms));
  }

  /** The same from the last progress, even if its step may still grow: rather too long, and known earlier. */
  secondsAtMost(time_ms: number): number | null {
    return this.#left(time_ms, this.#open ?? this.#steps.at(-1));
  }

  #left(time_ms: number, known: Step | undefined): number | null {
    const rate = this.#rate(known);
    if (rate === null) return null;
    const last = known ?? { time_ms: this.#origin() ?? this.#started_ms, percentage: 0 };
    let left_ms = (100 - last.percentage) * rate - (time_ms - last.time_ms);
    if (this.#open !== null && last !== this.#open) {
      // At least this much was done then; and at most a step more.
      const { percentage } = this.#open;
      left_ms = Math.min(left_ms, (100 - percentage) * rate - (time_ms - this.#open.time_ms));
      left_ms = Math.max(left_ms, (100 - percentage - this.#longestStep()) * rate - (time_ms - this.#open.time_ms));
    }
    return Math.max(0, Math.round(left_ms / 100) / 10);
  }

  /** Teaches the pace what this transcription took, when it has ended. */
  learn(ended_ms: number): void {
    if (this.#audio_seconds === null) return;
    const rate = this.#observedRate(this.#known(ended_ms));
    const [first] = this.#steps;
    // Without a progress of 0, the work on the first step is taken off the time until then.
    const guessed = first && rate ? first.time_ms - first.percentage * rate : this.#started_ms;
    const begun_ms = Math.max(this.#started_ms, this.#begun_ms ?? guessed);
    const startup_ms = begun_ms - this.#started_ms;
    this.#pace.learn({ startup_ms, work_ms: ended_ms - begun_ms, audio_seconds: this.#audio_seconds });
  }

  /** The last step whose percentage is known. Those of an engine that has made steps without bursts are so at once. */
  #known(time_ms: number): Step | undefined {
    if (this.#open === null) return this.#steps.at(-1);
    const single = !this.#bursts && this.#steps.length >= SINGLE_STEPS;
    return single || time_ms - this.#open.time_ms > BURST_MS ? this.#open : this.#steps.at(-1);
  }

  #complete(step: Step): void {
    this.#steps.push(step);
    if (this.#steps.length <= CHANGED_STEPS + 1) return;
    const before = this.#steps.at(-CHANGED_STEPS - 1)!;
    const mean = this.#rateBetween(this.#from(), before);
    const rates = this.#steps.slice(-CHANGED_STEPS).map((to, at) => {
      return this.#rateBetween(this.#steps.at(at - CHANGED_STEPS - 1)!, to);
    });
    if (mean === null || rates.includes(null)) return;
    const changed =
      rates.every((rate) => rate! > mean * CHANGED_FACTOR) || rates.every((rate) => rate! < mean / CHANGED_FACTOR);
    if (!changed) return;
    this.#steps = this.#steps.slice(-CHANGED_STEPS - 1);
    this.#begun_ms = null;
    this.#forgotten = true;
  }

  /** Steps were forgotten: the first one that is left is where the rate begins. */
  #forgotten = false;

  /** When work on the audio began: as the engine said, or as long after its start as usual; null if unknown. */
  #origin(): number | null {
    if (this.#begun_ms !== null) return this.#begun_ms;
    const { startup_ms } = this.#pace;
    return startup_ms === null ? null : this.#started_ms + startup_ms;
  }

  #from(): Step {
    const origin = this.#forgotten ? null : this.#origin();
    return origin === null
      ? (this.#steps[0] ?? { time_ms: this.#started_ms, percentage: 0 })
      : { time_ms: origin, percentage: 0 };
  }

  #observedRate(known: Step | undefined): number | null {
    if (known === undefined) return null;
    const steps = [this.#from(), ...this.#steps, ...(known === this.#open ? [known] : [])];
    let [time_ms, percent] = [0, 0];
    for (let at = 1; at < steps.length; at++) {
      const weight = 0.5 ** ((steps.length - 1 - at) / HALF_LIFE_STEPS);
      time_ms += weight * (steps[at]!.time_ms - steps[at - 1]!.time_ms);
      percent += weight * (steps[at]!.percentage - steps[at - 1]!.percentage);
    }
    return percent > 0 && time_ms > 0 ? time_ms / percent : null;
  }

  #rateBetween(from: Step, to: Step): number | null {
    const percent = to.percentage - from.percentage;
    return percent > 0 && to.time_ms > from.time_ms ? (to.time_ms - from.time_ms) / percent : null;
  }

  /** Milliseconds per percent. */
  #rate(known: Step | undefined): number | null {
    const observed = this.#observedRate(known);
    const learned = this.#audio_seconds === null ? null : this.#pace.work_ms(this.#audio_seconds);
    if (learned === null || this.#forgotten) return observed;
    if (observed === null) return learned / 100;
    const done_seconds = ((known!.percentage - this.#from().percentage) / 100) * this.#audio_seconds!;
    const weight = done_seconds / (done_seconds + LEARNED_SECONDS);
    return observed * weight + (learned / 100) * (1 - weight);
  }

  /** In percent. */
  #longestStep(): number {
    let longest = this.#steps[0]?.percentage ?? 0;
    for (let at = 1; at < this.#steps.length; at++) {
      longest = Math.max(longest, this.#steps[at]!.percentage - this.#steps[at - 1]!.percentage);
    }
    return longest;
  }
}
