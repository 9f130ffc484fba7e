/**
 * How long a transcription still takes, from the rate of its last chunks: speech, silence and a busy machine change the pace,
 * so the mean since the start misleads.
 *
 *     rate = (percentage now - percentage at the window's start) ÷ (time now - time then)
 *     eta  = (100 - percentage) ÷ rate - time since the last chunk
 *
 * The window is the last WINDOW_CHUNKS chunks, or as many as came in the last WINDOW_MS where chunks come faster.
 */
const WINDOW_CHUNKS = 5;
const WINDOW_MS = 20_000;

export class Eta {
  readonly #points: { time_ms: number; percentage: number }[];

  /** `started_ms`: when the engine began, on the clock that every other time here is of. */
  constructor(started_ms: number) {
    this.#points = [{ time_ms: started_ms, percentage: 0 }];
  }

  /** A chunk is done. A percentage that has not grown tells nothing. */
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
