/** Shared by all `tmon logs` commands: opens the logs, reads their events, and reports what could not be read. */

import { formatTime } from '../../protocol/time.ts';
import type { Zone } from '../../protocol/zone.ts';
import type { DatedEvent } from '../../sources/log-lines/dated-event.ts';
import type { LogBatch, LogSource } from '../../sources/log-lines/log.ts';
import { openLog } from '../../sources/log-lines/open.ts';
import { CommandError, EXIT } from '../exit-code.ts';
import { colour, note, oneLine } from '../output.ts';

export type LogsOptions = {
  json?: true;
  zone?: Zone;
  /** Milliseconds since 1970; 0 for no limit. */
  since: number;
};

const UNREADABLE_SHOWN_MAX = 10;
const NOTES_MAX = 10;
/** Allowance for clocks that differ. */
const AHEAD_MAX_MS = 60_000;

export function openLogs(names: readonly string[], zone: Zone | undefined, last_line: 'wait' | 'take'): LogSource[] {
  if (names.includes('-') && process.stdin.isTTY) {
    throw new CommandError(
      EXIT.usage,
      'no log to read',
      'name a file, or pipe one in: journalctl -fu NAME | tmon logs watch',
    );
  }
  return names.map((name) => openLog(name, { last_line, ...(zone === undefined ? {} : { zone }) }));
}

/** Every event since a time, one log after the other. */
export async function readLogs(
  names: readonly string[],
  { since, zone }: LogsOptions,
  take: (event: DatedEvent) => void,
): Promise<Tally> {
  const tally = new Tally();
  for (const log of openLogs(names, zone, 'take')) {
    for await (const batch of log.events({ since_ms: since, signal: new AbortController().signal })) {
      tally.add(batch, names.length > 1 ? log.name : null);
      for (const event of batch.events) if (event.timestamp_ms >= since) take(event);
    }
    await log.close();
  }
  return tally;
}

/** Counts the lines read, and those with problems. */
export class Tally {
  #lookedAt = 0;
  #events = 0;
  #undated = 0;
  #unreadableCount = 0;
  readonly #unreadable: { where: string; why: string }[] = [];
  readonly #notes = new Set<string>();
  #ahead: { count: number; newest: DatedEvent } | null = null;

  add(batch: LogBatch, name: string | null = null, now_ms = Date.now()): void {
    this.#lookedAt += batch.looked_at;
    this.#events += batch.events.length;
    this.#undated += batch.undated;
    this.#unreadableCount += batch.unreadable.length;
    for (const text of batch.notes)
      if (this.#notes.size < NOTES_MAX) this.#notes.add(name === null ? text : `${name}: ${text}`);
    for (const { where, why } of batch.unreadable.slice(0, UNREADABLE_SHOWN_MAX - this.#unreadable.length)) {
      this.#unreadable.push({ where: name === null ? where : `${name}, ${where}`, why });
    }
    for (const event of batch.events) {
      if (event.timestamp_ms <= now_ms + AHEAD_MAX_MS) continue;
      const newest = this.#ahead === null || event.timestamp_ms > this.#ahead.newest.timestamp_ms;
      this.#ahead = { count: (this.#ahead?.count ?? 0) + 1, newest: newest ? event : this.#ahead!.newest };
    }
  }

  get isAhead(): boolean {
    return this.#ahead !== null;
  }

  json(): object {
    return {
      looked_at: this.#lookedAt,
      events: this.#events,
      undated: this.#undated,
      unreadable_count: this.#unreadableCount,
      unreadable: this.#unreadable,
      notes: [...this.#notes],
      from_the_future:
        this.#ahead === null
          ? null
          : {
              count: this.#ahead.count,
              newest: formatTime(this.#ahead.newest.timestamp_ms),
              job_id: this.#ahead.newest.job_id,
            },
    };
  }

  /** On stderr, beside the results. */
  show(): void {
    if (this.#events === 0) {
      note(
        `${lines(this.#lookedAt)}, none of them a job event: JOB_START job_id=… worker_id=… or TRANSCRIPTION_EVENT {…}`,
      );
    }
    if (this.#unreadableCount > 0) {
      note(colour('yellow', `${lines(this.#unreadableCount)} could not be read:`, process.stderr));
      for (const { where, why } of this.#unreadable) note(`  ${oneLine(`${where}: ${why}`)}`);
      const more = this.#unreadableCount - this.#unreadable.length;
      if (more > 0) note(`  and ${more} more`);
    }
    for (const one of this.#notes) note(oneLine(one));
    if (this.#undated > 0) {
      note(
        `${lines(this.#undated)} without a time: that of the lines around it, or of the file's last change, is used`,
      );
    }
    if (this.#ahead !== null) {
      const { count, newest } = this.#ahead;
      const example = `${newest.job_id} at ${formatTime(newest.timestamp_ms)}`;
      note(
        colour('yellow', `${lines(count)} from the future (${example}): a clock is wrong, or --zone`, process.stderr),
      );
    }
  }
}

function lines(count: number): string {
  return count === 1 ? '1 line' : `${count} lines`;
}
