/** Text of a check: time spans, percentages, and the verdict in one line. */
import type { CheckDocument, ProblemKind, WarningKind } from '../../protocol/check.ts';

/** `45s`, `12m`, `3h 20m`, `2d 4h`. */
export function span(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole}s`;
  const minutes = Math.round(whole / 60);
  if (minutes < 60) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 === 0 ? `${hours}h` : `${hours}h ${minutes % 60}m`;
  const days = Math.floor(hours / 24);
  return hours % 24 === 0 ? `${days}d` : `${days}d ${hours % 24}h`;
}

export function percent(value: number): string {
  return `${Math.floor(value)}%`;
}

/** As people know it. */
export const nameOf = ({ job_id, reported_id }: { job_id: string; reported_id?: string | null }): string =>
  reported_id ?? job_id;

export const counted = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`;

const NOUNS: Record<ProblemKind, [one: string, many: string]> = {
  job_stuck: ['job stuck', 'jobs stuck'],
  worker_quiet: ['worker quiet', 'workers quiet'],
  job_failed: ['job failed', 'jobs failed'],
  job_waits: ['job waiting for too long', 'jobs waiting for too long'],
  queue_old: ['queue too slow', 'queues too slow'],
  dead_letters: ['queue with dead letters', 'queues with dead letters'],
  alert: ['alert', 'alerts'],
};

const UNKNOWN: Partial<Record<WarningKind, string>> = {
  unreadable: 'unreadable',
  nothing_found: 'without any job',
  in_flight: 'with all messages in flight for long',
  zone: 'with times of another zone',
  monitor_store: 'with the jobs of a monitor',
};

/** `wrong: 1 job stuck, 2 jobs failed`. */
export function inWords({ verdict, problems, counts, sources, warnings }: Omit<CheckDocument, 'says'>): string {
  const parts = Object.entries(NOUNS).flatMap(([kind, [one, many]]) => {
    const count = problems.filter((problem) => problem.kind === kind).length;
    return count === 0 ? [] : [counted(count, one, many)];
  });
  const unread = sources.filter(({ read }) => !read).length;
  if (unread > 0) parts.push(`${counted(unread, 'source')} could not be read`);
  for (const [kind, what] of Object.entries(UNKNOWN)) {
    const unsure = warnings.filter((warning) => warning.kind === kind && warning.unknown);
    if (unsure.length === 0) continue;
    const names = new Set(unsure.map(({ subject }) => subject));
    const unreadable = sources
      .filter(({ name }) => names.has(name))
      .reduce((sum, one) => sum + one.unreadable_count, 0);
    parts.push(kind === 'unreadable' ? `${unreadable} ${what}` : `${counted(unsure.length, 'source')} ${what}`);
  }
  if (verdict === 'well') parts.push(`${counts.running} running, ${counts.completed} completed`);
  return `${verdict}: ${parts.join(', ')}`;
}
