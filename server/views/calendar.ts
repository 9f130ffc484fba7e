/**
 * Finds the hours in which jobs ended so (`jobs/completed/…`), newest first, in a store that lists forwards only.
 *
 * It keeps an upper bound: no job ended later. `narrow` lowers it, or settles that something ended in just that hour, with
 * one or two lists: of the whole day, which tells all its hours if no more than 1,000 jobs ended in it; of the hour, in a
 * fuller day; of the month, to pass over an empty one. The first list of all says how far back there is anything.
 */
import type { ListedObject, ObjectStore } from '../objects/store.ts';
import {
  type FinishedState,
  finishedDayPrefix,
  finishedHourPrefix,
  finishedJobKey,
  finishedMonthPrefix,
  finishedPrefix,
  parseFinishedJobKey,
} from './keys.ts';

export type End = { state: FinishedState; hour: number; job_id: string };

/** A list answers so many at a time. */
const LIST_MAX = 1000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

export class Calendar {
  readonly #store: ObjectStore;
  readonly #state: FinishedState;
  #first_hour: number | null = null;
  /** Hours of the day last looked at, newest first, and those of it that lie beyond what one list told. */
  #day: { day: number; hours: number[]; unknown_from: number } | null = null;
  /** First day of the month last looked at in which a job ended. */
  #month: { month_start: number; first_day: number } | null = null;
  /** No job ended in an hour after this one. */
  upper: number;
  /** A job ended in hour `upper`. */
  settled = false;
  /** Lists made so far. */
  lists = 0;

  constructor(store: ObjectStore, state: FinishedState, upper: number) {
    this.#store = store;
    this.#state = state;
    this.upper = upper;
  }

  async narrow(): Promise<void> {
    this.#first_hour ??= await this.#firstHour(finishedPrefix(this.#state));
    if (this.upper < this.#first_hour) return this.#lower(Number.NEGATIVE_INFINITY);
    const day = Math.floor(this.upper / 24);
    if (this.#day?.day !== day) this.#day = await this.#look(day);
    const { hours, unknown_from } = this.#day;
    if (this.upper >= unknown_from) {
      const hour = await this.#firstHour(finishedHourPrefix(this.#state, this.upper));
      if (hour === this.upper) this.settled = true;
      else this.#lower(this.upper - 1);
      return;
    }
    const newest = hours.find((hour) => hour <= this.upper);
    if (newest !== undefined) {
      this.upper = newest;
      this.settled = true;
    } else this.#lower(hours.length > 0 ? day * 24 - 1 : await this.#beforeEmpty(day));
  }

  /** Hour `upper` is dealt with. */
  next(): void {
    this.#lower(this.upper - 1);
  }

  /** Those who ended in hour `upper`, in the order of their keys, after this job's. */
  async *ends(after: string): AsyncGenerator<End> {
    const options = after === '' ? {} : { after: finishedJobKey(this.#state, this.upper * HOUR_MS, after) };
    let listed = 0;
    this.lists += 1;
    for await (const { key } of this.#store.list(finishedHourPrefix(this.#state, this.upper), options)) {
      listed += 1;
      if (listed % LIST_MAX === 0) this.lists += 1;
      const end = parseFinishedJobKey(key);
      if (end) yield end;
    }
  }

  #lower(upper: number): void {
    this.upper = upper;
    this.settled = false;
  }

  async #look(day: number): Promise<{ day: number; hours: number[]; unknown_from: number }> {
    const hours = new Set<number>();
    let listed = 0;
    for await (const end of this.#listed(finishedDayPrefix(this.#state, day))) {
      hours.add(end.hour);
      listed += 1;
      if (listed === LIST_MAX) break;
    }
    const newestFirst = [...hours].sort((a, b) => b - a);
    return {
      day,
      hours: newestFirst,
      unknown_from: listed === LIST_MAX ? newestFirst[0]! + 1 : Number.POSITIVE_INFINITY,
    };
  }

  /** The last hour before this day, or before its month where nothing else ended in it. */
  async #beforeEmpty(day: number): Promise<number> {
    const date = new Date(day * DAY_MS);
    const month_start = Date.UTC(date.getUTCFullYear(), date.getUTCMonth()) / DAY_MS;
    if (this.#month?.month_start !== month_start) {
      const hour = await this.#firstHour(finishedMonthPrefix(this.#state, day));
      this.#month = { month_start, first_day: Math.floor(hour / 24) };
    }
    return (this.#month.first_day < day ? day : month_start) * 24 - 1;
  }

  /** Infinity where nothing is listed. */
  async #firstHour(prefix: string): Promise<number> {
    for await (const { hour } of this.#listed(prefix)) return hour;
    return Number.POSITIVE_INFINITY;
  }

  async *#listed(prefix: string): AsyncGenerator<End> {
    let listed = 0;
    this.lists += 1;
    for await (const { key } of this.#store.list(prefix) as AsyncIterable<ListedObject>) {
      listed += 1;
      if (listed % LIST_MAX === 0) this.lists += 1;
      const end = parseFinishedJobKey(key);
      if (end) yield end;
    }
  }
}
