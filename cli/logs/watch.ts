/**
 * `tmon logs watch`: running jobs, and every change from then on: bars on a terminal, one line per change in a pipe.
 * Files and CloudWatch are polled until Ctrl-C; standard input has an end.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { hasEnded, mergeSightings, type Sighting, sightingOf } from '../../protocol/sighting.ts';
import { formatTime } from '../../protocol/time.ts';
import type { DatedEvent } from '../../sources/log-lines/dated-event.ts';
import type { LogBatch, LogSource } from '../../sources/log-lines/log.ts';
import { SourceError } from '../../sources/source.ts';
import { colour, duration, isTerminal, note, oneLine, printJson, printLine, stateColour } from '../output.ts';
import { Bars, barCells } from '../progress-bars.ts';
import { type LogsOptions, openLogs, Tally } from './reading.ts';

/** Ended jobs are kept for a while, because a log is re-read from a little before its last position. */
const ENDED_KNOWN_MAX = 10_000;
const UNREADABLE_SHOWN_MAX = 10;

export async function watchLogs(sources: string[], { json, zone, since }: LogsOptions): Promise<void> {
  const watched = new WatchedJobs(json === true);
  const stop = new AbortController();
  // Reads each log to its end first, so that only running jobs are shown.
  await Promise.all(
    openLogs(sources, zone, 'wait').map((log) => follow(log, { since_ms: since, watched, signal: stop.signal })),
  );
  watched.end();
}

async function follow(
  log: LogSource,
  { since_ms, watched, signal }: { since_ms: number; watched: WatchedJobs; signal: AbortSignal },
): Promise<void> {
  const live = log.poll_ms === null;
  let from: string | null = null;
  for (let first = true; ; first = false) {
    try {
      for await (const batch of log.events({ since_ms, from, signal })) {
        from = batch.position ?? from;
        watched.take(batch, { since_ms, quietly: first && !live });
      }
    } catch (error) {
      // During a rotation there may be no file for a moment.
      if (first || !(error instanceof SourceError) || (error.kind !== 'missing' && error.kind !== 'unreachable'))
        throw error;
    }
    if (first && !live) watched.showRunning();
    if (log.poll_ms === null) return;
    await delay(log.poll_ms, undefined, { signal });
  }
}

class WatchedJobs {
  readonly #json: boolean;
  readonly #bars: Bars | null;
  readonly #running = new Map<string, Shown>();
  readonly #ended = new Map<string, Shown>();
  readonly #tally = new Tally();
  #unreadable = 0;
  #aheadShown = false;

  constructor(json: boolean) {
    this.#json = json;
    this.#bars = !json && isTerminal() ? new Bars() : null;
  }

  take(batch: LogBatch, { since_ms, quietly }: { since_ms: number; quietly: boolean }): void {
    this.#tally.add(batch);
    for (const { where, why } of batch.unreadable) {
      this.#unreadable += 1;
      if (this.#bars !== null) this.#say(`${this.#unreadable} unreadable, the last: ${where}: ${why}`);
      else if (this.#unreadable <= UNREADABLE_SHOWN_MAX) this.#say(`unreadable: ${where}: ${why}`);
      else if (this.#unreadable === UNREADABLE_SHOWN_MAX + 1) this.#say('further ones are not shown');
    }
    for (const event of batch.events) if (event.timestamp_ms >= since_ms) this.#apply(event, quietly);
    if (!this.#aheadShown && this.#tally.isAhead) {
      this.#aheadShown = true;
      this.#say('lines from the future: a clock is wrong, or --zone');
    }
  }

  showRunning(): void {
    if (this.#running.size === 0) note('no running jobs; waiting (Ctrl-C to stop)');
    for (const shown of this.#running.values()) this.#show(shown);
  }

  end(): void {
    this.#bars?.end();
    this.#tally.show();
  }

  /** A message becomes one of the bars, because a separate line below would break them. */
  #say(text: string): void {
    const [about = ''] = /^[a-z]+/i.exec(text) ?? [];
    if (this.#bars === null) note(oneLine(text));
    else this.#bars.put(`:${about}`, { line: colour('yellow', oneLine(text)), finished: false });
  }

  #apply(event: DatedEvent, quietly: boolean): void {
    const update = sightingOf(event, event.timestamp_ms);
    const known = this.#running.get(event.job_id) ?? this.#ended.get(event.job_id);
    const sighting = known === undefined ? update : mergeSightings(known.sighting, update);
    const shown = { sighting, event: event.timestamp_ms === sighting.told_ms ? event : (known?.event ?? event) };
    if (known !== undefined && !differs(known, shown)) return;
    this.#running.delete(event.job_id);
    this.#ended.delete(event.job_id);
    if (!hasEnded(sighting)) this.#running.set(event.job_id, shown);
    else {
      this.#ended.set(event.job_id, shown);
      if (this.#ended.size > ENDED_KNOWN_MAX) this.#ended.delete(this.#ended.keys().next().value!);
    }
    if (!quietly) this.#show(shown);
  }

  #show(shown: Shown): void {
    if (this.#json) printJson(documentOf(shown));
    else if (this.#bars === null) printLine(lineOf(shown));
    else this.#bars.put(shown.sighting.job_id, { line: barOf(shown), finished: hasEnded(shown.sighting) });
  }
}

/** Fields that sightings lack, from the last event: chunks and the time left. */
type Shown = { sighting: Sighting; event: DatedEvent };

function differs(a: Shown, b: Shown): boolean {
  const fields = ['state', 'percentage', 'stage', 'worker_id', 'started_ms', 'error'] as const;
  return fields.some((field) => a.sighting[field] !== b.sighting[field]);
}

function detailsOf({ sighting, event }: Shown): string[] {
  const { state, worker_id, error, stage, started_ms, ended_ms } = sighting;
  const runs = state === 'PROCESSING';
  const took = sighting.duration ?? (started_ms === null || ended_ms === null ? null : (ended_ms - started_ms) / 1000);
  const { current_chunk, total_chunks, eta_seconds } = event;
  return [
    runs && stage !== null ? stage : '',
    runs && total_chunks ? `chunk ${current_chunk ?? 0}/${total_chunks}` : '',
    runs && eta_seconds !== null ? `${duration(eta_seconds)} left` : '',
    state === 'COMPLETED' && took !== null ? `in ${duration(took)}` : '',
    worker_id === null ? '' : `on ${worker_id}`,
    state === 'FAILED' ? (error ?? '') : '',
  ].filter(Boolean);
}

function lineOf(shown: Shown): string {
  const { job_id, reported_id = job_id, state, percentage } = shown.sighting;
  const at = percentage === null || state !== 'PROCESSING' ? [] : [`${Math.floor(percentage)}%`];
  return oneLine([reported_id, state, ...at, ...detailsOf(shown)].join(' '));
}

function barOf(shown: Shown): string {
  const { job_id, reported_id = job_id, state, percentage } = shown.sighting;
  const done = state === 'COMPLETED' ? 100 : (percentage ?? 0);
  const bar = colour(state === 'FAILED' ? 'red' : 'green', barCells(done));
  const words = [state === 'PROCESSING' ? '' : stateColour(state), ...detailsOf(shown).map(oneLine)].filter(Boolean);
  return `${oneLine(reported_id).padEnd(20).slice(0, 30)} ${bar} ${String(Math.floor(done)).padStart(3)}%  ${words.join('  ')}`;
}

function documentOf({ sighting, event }: Shown): object {
  const { job_id, reported_id, state, percentage, stage, worker_id, told_ms, duration: seconds, error } = sighting;
  const { current_chunk, total_chunks, eta_seconds } = event;
  const told_at = formatTime(told_ms);
  return {
    job_id,
    ...(reported_id === undefined ? {} : { reported_id }),
    state,
    percentage,
    stage,
    worker_id,
    current_chunk,
    total_chunks,
    eta_seconds,
    duration: seconds,
    error,
    told_at,
  };
}
