/**
 * Time left of a transcription, from the rate of its last chunks: speech, silence and load change the pace, so the mean
 * since the start is misleading.
 *
 *     rate = (percentage now - percentage at the window's start) ÷ (time now - time then)
 *     eta  = (100 - percentage) ÷ rate - time since the last chunk
 *
 * The window is the last WINDOW_CHUNKS chunks, or those of the last WINDOW_MS if chunks are faster.
 */
const WINDOW_CHUNKS = 5;
const WINDOW_MS = 20_000;

export class Eta {
  readonly #points: { time_ms: number; percentage: number }[];

  /** `started_ms`: when the engine started, on the same clock as every other time here. */
  constructor(started_ms: number) {
    this.#points = [{ time_ms: started_ms, percentage: 0 }];
  }

  /** Records a finished chunk. A percentage that has not grown is ignored. */
  note(percentage: number, time_ms: number): void {
    const last = this.#points.at(-1)!;
    if (percentage <= last.percentage || time_ms <= last.time_ms) return;
    this.#points.push({ time_ms, percentage });
    while (this.#points.length > WINDOW_CHUNKS + 1 && this.#points[1]!.time_ms <= time_ms - WINDOW_MS) {
      this.#points.shift();
    }
  }

  /** Seconds from `time_ms` to the end; null before the first chunk. */
  seconds(time_ms: number): number | null {
    const first = this.#points[0]!;
    const last = this.#points.at(-1)!;
    if (last === first) return null;
    const per_ms = (last.percentage - first.percentage) / (last.time_ms - first.time_ms);
    const left_ms = (100 - last.percentage) / per_ms - (time_ms - last.time_ms);
    return Math.max(0, Math.round(left_ms / 100) / 10);
  }
}
