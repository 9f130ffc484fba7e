/** The check as text for a person on call: problems first, one line each, self-explanatory. */
import type { CheckDocument, CheckedJob } from '../../protocol/check.ts';
import { percent, span } from './words.ts';

const PROBLEMS_SHOWN_MAX = 50;
const RUNNING_SHOWN_MAX = 50;
const EXAMPLES_SHOWN_MAX = 3;

export const HEADS = {
  job_stuck: 'STUCK',
  worker_quiet: 'QUIET',
  job_failed: 'FAILED',
  queue_old: 'SLOW',
  dead_letters: 'DEAD',
  job_waits: 'WAITS',
  alert: 'ALERT',
} as const;

/** Plain text in aligned columns. The first word is the verdict, in capitals. */
export function reportOf(document: CheckDocument): string {
  const { verdict, says, checked_at } = document;
  return [
    `${verdict.toUpperCase()}${says.slice(verdict.length)}  (${checked_at})`,
    ...section([...unread(document), ...warnings(document, { unknown: true })]),
    ...section(problems(document)),
    ...section(running(document)),
    ...section(queues(document)),
    ...section(warnings(document, { unknown: false })),
    '',
    totals(document),
  ].join('\n');
}

type Row = readonly string[];

function unread({ sources }: CheckDocument): Row[] {
  return sources.flatMap(({ error }) => {
    if (error === null) return [];
    const line: Row = ['UNREAD', error.message];
    return error.hint === null ? [line] : [line, ['', `hint: ${error.hint}`]];
  });
}

function problems({ problems: all }: CheckDocument): Row[] {
  const rows = all.slice(0, PROBLEMS_SHOWN_MAX).map(({ kind, subject, says }): Row => [HEADS[kind], subject, says]);
  return more(rows, all.length);
}

function running({ running: all }: CheckDocument): Row[] {
  const rows = all.slice(0, RUNNING_SHOWN_MAX).map((job): Row => {
    const { job_id, reported_id, worker_id, percentage, stage } = job;
    const at = percentage === null ? '–' : percent(percentage);
    return ['RUNNING', reported_id ?? job_id, at.padStart(4), stage ?? '–', worker_id ?? '–', progress(job)];
  });
  return more(rows, all.length);
}

function progress({ stuck, percent_per_minute, eta_seconds, still_seconds }: CheckedJob): string {
  if (stuck) return 'stuck';
  const parts = [`moved ${span(still_seconds ?? 0)} ago`];
  if (percent_per_minute !== null && percent_per_minute > 0)
    parts.push(`${Number(percent_per_minute.toPrecision(2))}%/min`);
  if (eta_seconds !== null) parts.push(`${span(eta_seconds)} left`);
  return parts.join(', ');
}

function queues({ sources }: CheckDocument): Row[] {
  return sources.flatMap(({ name, queue }) => {
    if (queue === null) return [];
    const { waiting, in_flight, oldest_seconds, dead_letters } = queue;
    const oldest = oldest_seconds === null ? '' : `, oldest ${span(oldest_seconds)}`;
    const dead = dead_letters === null ? '' : `, ${dead_letters} dead letters`;
    return [['QUEUE', name, `${waiting} waiting${oldest}, ${in_flight} in flight${dead}`]];
  });
}

/** What makes a verdict unknown comes first, like what is wrong. */
function warnings({ warnings: all, sources }: CheckDocument, { unknown }: { unknown: boolean }): Row[] {
  const rows = all
    .filter((warning) => warning.unknown === unknown)
    .flatMap(({ kind, subject, says }): Row[] => {
      const examples = kind === 'unreadable' ? (sources.find(({ name }) => name === subject)?.unreadable ?? []) : [];
      return [
        [unknown ? 'UNKNOWN' : 'NOTE', subject, says],
        ...examples.slice(1, EXAMPLES_SHOWN_MAX).map(({ where, why }): Row => ['', '', `${where}: ${why}`]),
      ];
    });
  return rows;
}

function totals({ counts, since, sources }: CheckDocument): string {
  const { completed, failed, failure_rate, queued } = counts;
  const rate = failure_rate === null ? '' : ` (${Number((failure_rate * 100).toPrecision(2))}%)`;
  const waiting = queued === 0 ? '' : `, ${queued} waiting`;
  const looked = sources.reduce((sum, { looked_at }) => sum + looked_at, 0);
  const read = `${looked} read from ${sources.length === 1 ? sources[0]?.name : `${sources.length} sources`}`;
  return `since ${since}: ${completed} completed, ${failed} failed${rate}${waiting}; ${read}`;
}

function more(rows: Row[], count: number): Row[] {
  return count > rows.length ? [...rows, ['', `and ${count - rows.length} more: --json lists them all`]] : rows;
}

function section(rows: readonly Row[]): string[] {
  if (rows.length === 0) return [];
  const widths: number[] = [];
  // The last cell of a row is free text and does not widen its column.
  for (const row of rows) {
    row.slice(0, -1).forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, clean(cell).length);
    });
  }
  const line = (row: Row) =>
    row
      .map((cell, column) => (column === row.length - 1 ? clean(cell) : clean(cell).padEnd(widths[column]!)))
      .join('  ');
  return ['', ...rows.map(line)];
}

/** Replaces control characters, so that workers' texts can't control the terminal or break lines. */
function clean(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ').trimEnd();
}
