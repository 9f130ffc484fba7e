/** What times that are text in a table leave open, and what they are taken for. */
import { JOB_STATUS_COLUMNS, type TableShape, type TimeKinds } from '../protocol/job-status-rows.ts';
import { isWithoutZone } from '../protocol/lenient-values.ts';
import { dayFirstIn } from '../protocol/log-dates.ts';

const TIMES = JOB_STATUS_COLUMNS.filter((column) => column.endsWith('_at'));

export class TextTimes {
  /** Whether 01/02/2026 is the first of February; null if no row has shown it. */
  day_first: boolean | null = null;
  #assumed = false;
  #zoned = false;

  /** Returns what is assumed of these rows, once for each assumption. */
  take(rows: readonly object[], { zone }: TableShape, kinds: TimeKinds): string[] {
    const notes: string[] = [];
    let open: string | null = null;
    for (const row of rows) {
      for (const column of TIMES) {
        const value = (row as Record<string, unknown>)[column];
        if (typeof value !== 'string') continue;
        // SQLite's own times are UTC.
        if (kinds[column as keyof TimeKinds] === 'text' && zone === undefined && !this.#zoned && isWithoutZone(value)) {
          this.#zoned = true;
          notes.push(
            `${column} is text without a zone (${value}): it is taken for UTC; ?zone= on the URL names another`,
          );
        }
        if (this.day_first !== null || !DAY_OR_MONTH.test(value)) continue;
        this.day_first = dayFirstIn(value);
        open ??= value;
      }
    }
    if (open !== null && this.day_first === null && !this.#assumed) {
      this.#assumed = true;
      notes.push(`a time such as ${open} is taken for month/day: no row shows which is which`);
    }
    return notes;
  }
}

const DAY_OR_MONTH = /^\d\d?[/-]\d\d?[/-]\d{4}/;
