/**
 * Finds the hours in which jobs with a given end ended (`jobs/completed/…`), newest first, in a store that lists only
 * forwards.
 *
 * It keeps an upper bound: no job ended later. `narrow` lowers it, or determines that a job ended in exactly that hour,
 * with at most three lists: of the month, which shows all its hours if at most 1,000 jobs ended in it; in a fuller
 * month, of the day; in a fuller day, of the hour. The very first list finds the oldest hour.
 */
import { DAY_MS, HOUR_MS } from '../../protocol/time.ts';
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

/** The number of keys in one list response. */
const LIST_MAX = 1000;

/** A day or a month: its hours with jobs, newest first, as far as one list showed. */
type Range = { first_hour: number; hours: number[]; unknown_from: number };

export class Calendar {
  readonly #store: ObjectStore;
  readonly #state: FinishedState;
  #first_hour: number | null = null;
  #month: Range | null = null;
  #day: Range | null = null;
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
    const date = new Date(day * DAY_MS);
    const month_start = Date.UTC(date.getUTCFullYear(), date.getUTCMonth()) / HOUR_MS;
    if (this.#month?.first_hour !== month_start) {
      this.#month = await this.#look(month_start, finishedMonthPrefix(this.#state, day));
    }
    if (this.upper < this.#month.unknown_from) return this.#settleIn(this.#month);
    if (this.#day?.first_hour !== day * 24) this.#day = await this.#look(day * 24, finishedDayPrefix(this.#state, day));
    if (this.upper < this.#day.unknown_from) return this.#settleIn(this.#day);
    const hour = await this.#firstHour(finishedHourPrefix(this.#state, this.upper));
    if (hour === this.upper) this.settled = true;
    else this.#lower(this.upper - 1);
  }

  /** Hour `upper` is done. */
  next(): void {
    this.#lower(this.upper - 1);
  }

  /** The jobs that ended in hour `upper`, in the order of their keys, after this job. */
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

  #settleIn({ hours, first_hour }: Range): void {
    const newest = hours.find((hour) => hour <= this.upper);
    if (newest === undefined) return this.#lower(first_hour - 1);
    this.upper = newest;
    this.settled = true;
  }

  async #look(first_hour: number, prefix: string): Promise<Range> {
    const hours = new Set<number>();
    let listed = 0;
    for await (const end of this.#listed(prefix)) {
      hours.add(end.hour);
      listed += 1;
      if (listed === LIST_MAX) break;
    }
    const newestFirst = [...hours].sort((a, b) => b - a);
    // The hour at which the list broke off has jobs; later hours are unknown.
    const unknown_from = listed === LIST_MAX ? newestFirst[0]! + 1 : Number.POSITIVE_INFINITY;
    return { first_hour, hours: newestFirst, unknown_from };
  }

  /** Infinity if nothing is listed. */
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
