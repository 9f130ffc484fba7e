/**
 * The times of events whose line has none that is understood. Such a line stands between its neighbours: it gets the time of the dated
 * line before it, whether that is one of ours or not, and before the first dated line that one's. A time of day without a
 * date is on the day of that neighbour.
 */
import { clockIn } from '../../protocol/log-dates.ts';
import type { LoggedEvent } from '../../protocol/log-line.ts';
import { type LogTimeOptions, timeInPrefix } from '../../protocol/log-time.ts';
import { DAY_MS, HOUR_MS } from '../../protocol/time.ts';
import { offsetInZone, timeInZone } from '../../protocol/zone.ts';

const PREFIX_CHARS = 200;
const EXAMPLE_CHARS = 60;
/** Neighbours that are looked at: dates that are further away belong to something else. */
const LINES_BACK_MAX = 100;
/** Of undated events at the beginning that wait for a time. */
const WAITING_MAX = 100_000;

type Waiting = { event: LoggedEvent; clock_ms: number | null };

export class LineTimes {
  readonly #options: LogTimeOptions;
  /** Of the last dated line; null before the first. */
  #last_ms: number | null;
  #text = '';
  /** In the text: where the last line ends that was looked at. */
  #seen = 0;
  #waiting: Waiting[] = [];
  #undated = 0;
  #example = '';

  constructor(options: LogTimeOptions, last_ms: number | null = null) {
    this.#options = options;
    this.#last_ms = last_ms;
  }

  get last_ms(): number | null {
    return this.#last_ms;
  }

  /** Whether events wait for the first dated line. */
  get waits(): boolean {
    return this.#waiting.length > 0;
  }

  get example(): string {
    return this.#example;
  }

  /** Number of events since the last call whose time is not that of their line. */
  takeUndated(): number {
    const undated = this.#undated;
    this.#undated = 0;
    return undated;
  }

  begin(text: string): void {
    this.#text = text;
    this.#seen = 0;
  }

  /** Events on the line from `start` to `end`. */
  take(event: LoggedEvent, start: number, end: number): void {
    if (event.timestamp_ms !== null) {
      if (this.#waiting.length > 0) this.#lookAhead(start);
      this.#found(event.timestamp_ms);
      this.#seen = end;
      return;
    }
    this.#undated += 1;
    if (this.#example === '') this.#example = this.#text.slice(start, Math.min(end, start + EXAMPLE_CHARS));
    if (this.#waiting.length > 0) this.#lookAhead(start);
    else this.#lookBack(start);
    const clock_ms = clockIn(this.#text.slice(start, start + PREFIX_CHARS));
    this.#seen = end;
    if (this.#last_ms !== null) event.timestamp_ms = this.#last_ms = this.#near(this.#last_ms, clock_ms);
    else if (this.#waiting.length < WAITING_MAX) this.#waiting.push({ event, clock_ms });
    else event.timestamp_ms = this.#near(this.#options.now_ms ?? 0, clock_ms);
  }

  /** After the last event of a text. */
  end(): void {
    if (this.#waiting.length > 0) this.#lookAhead(this.#text.length);
    else this.#lookBack(this.#text.length);
    this.#text = '';
  }

  /** No line has a time: those that wait get that of the file's last change, on the day that fits a time of day. */
  giveUp(otherwise_ms: number): void {
    for (const { event, clock_ms } of this.#waiting) {
      const time_ms = this.#near(otherwise_ms, clock_ms);
      event.timestamp_ms = time_ms > otherwise_ms ? time_ms - DAY_MS : time_ms;
    }
    this.#waiting = [];
  }

  #found(time_ms: number): void {
    this.#last_ms = time_ms;
    if (this.#waiting.length === 0) return;
    for (const { event, clock_ms } of this.#waiting) event.timestamp_ms = this.#near(time_ms, clock_ms);
    this.#waiting = [];
  }

  /** The last time on the lines up to `stop`. */
  #lookBack(stop: number): void {
    let end = stop;
    for (let lines = 0; end > this.#seen && lines < LINES_BACK_MAX; lines += 1) {
      const start = Math.max(this.#seen, this.#text.lastIndexOf('\n', end - 2) + 1);
      const time_ms = this.#timeAt(start, end);
      if (time_ms !== null) {
        this.#last_ms = time_ms;
        break;
      }
      end = start;
    }
    this.#seen = stop;
  }

  /** The first time on the lines up to `stop`. */
  #lookAhead(stop: number): void {
    for (let start = this.#seen; start < stop; ) {
      const newline = this.#text.indexOf('\n', start);
      const end = newline === -1 ? stop : Math.min(stop, newline + 1);
      const time_ms = this.#timeAt(start, end);
      if (time_ms !== null) return this.#found(time_ms);
      start = end;
    }
  }

  #timeAt(start: number, end: number): number | null {
    return timeInPrefix(this.#text, Math.min(end, start + PREFIX_CHARS), this.#options, start);
  }

  /** The moment nearest to a time at which clocks show this time of day. */
  #near(time_ms: number, clock_ms: number | null): number {
    if (clock_ms === null) return time_ms;
    const { zone = 0 } = this.#options;
    const shown_ms = time_ms + offsetInZone(time_ms, zone) * 60_000;
    const day_ms = Math.floor(shown_ms / DAY_MS) * DAY_MS;
    const days = [day_ms, day_ms - DAY_MS, day_ms + DAY_MS].map((day) => timeInZone(day + clock_ms, zone));
    return days.find((at) => Math.abs(at - time_ms) <= 12 * HOUR_MS) ?? days[0]!;
  }
}
