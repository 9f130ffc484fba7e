/**
 * How fast this worker's engine is, learned from the jobs it has finished: the time to start, and the seconds of work per
 * second of audio. Medians, so that one job on a suspended machine teaches nothing.
 */
const JOBS_KEPT = 21;

type Finished = { startup_ms: number; work_ms: number; audio_seconds: number };

export class LearnedPace {
  readonly #finished: Finished[] = [];

  /** `startup_ms`: until the engine began to work on the audio. */
  learn(job: Finished): void {
    if (!(job.audio_seconds > 0 && job.work_ms > 0)) return;
    this.#finished.push(job);
    if (this.#finished.length > JOBS_KEPT) this.#finished.shift();
  }

  /** Null before the first job. */
  get startup_ms(): number | null {
    return weightedMedian(this.#finished.map(({ startup_ms }) => [startup_ms, 1]));
  }

  /** Work on audio of that length; null before the first job. Long recordings say more than short ones, which are padded. */
  work_ms(audio_seconds: number): number | null {
    const per_second = weightedMedian(
      this.#finished.map(({ work_ms, audio_seconds: seconds }) => [work_ms / seconds, seconds]),
    );
    return per_second === null ? null : per_second * audio_seconds;
  }
}

function weightedMedian(values: [value: number, weight: number][]): number | null {
  const sorted = [...values].sort(([a], [b]) => a - b);
  const half = sorted.reduce((sum, [, weight]) => sum + weight, 0) / 2;
  let below = 0;
  for (const [value, weight] of sorted) {
    below += weight;
    if (below >= half) return value;
  }
  return null;
}
