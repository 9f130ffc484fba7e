/**
 * A check as metrics for Prometheus, for the textfile collector of node_exporter or a Pushgateway. Labels are names of sources, states
 * and kinds, so their number does not grow with that of jobs.
 */
import { CHECK_VERDICTS, type CheckDocument, PROBLEM_KINDS } from '../../protocol/check.ts';
import { parseTime } from '../../protocol/time.ts';

type Sample = { labels?: Record<string, string>; value: number | null };

/** Samples without a value are left out. */
export function prometheusOf(document: CheckDocument): string {
  const { verdict, counts, sources, problems } = document;
  const ofSources = (read: (source: CheckDocument['sources'][number]) => number | null): Sample[] =>
    sources.map((source) => ({ labels: { source: source.name }, value: read(source) }));
  const ofQueues = (read: (queue: NonNullable<CheckDocument['sources'][number]['queue']>) => number | null) =>
    ofSources(({ queue }) => (queue === null ? null : read(queue)));
  const lines = [
    family(
      'verdict',
      '1 for the verdict of the check',
      CHECK_VERDICTS.map((one) => ({ labels: { verdict: one }, value: Number(one === verdict) })),
    ),
    family('timestamp_seconds', 'Time of the check', [{ value: parseTime(document.checked_at) / 1000 }]),
    family('jobs', 'Jobs by state; ended ones since the beginning of the window', [
      { labels: { state: 'queued' }, value: counts.queued },
      { labels: { state: 'running' }, value: counts.running },
      { labels: { state: 'completed' }, value: counts.completed },
      { labels: { state: 'failed' }, value: counts.failed },
    ]),
    family(
      'problems',
      'Problems by kind',
      PROBLEM_KINDS.map((kind) => ({ labels: { kind }, value: problems.filter((one) => one.kind === kind).length })),
    ),
    family(
      'source_read',
      '1 if the source could be read',
      ofSources(({ read }) => Number(read)),
    ),
    family(
      'source_unreadable',
      'Lines, files, rows or messages not understood',
      ofSources((one) => one.unreadable_count),
    ),
    family(
      'queue_waiting',
      'Messages or jobs that wait',
      ofQueues(({ waiting }) => waiting),
    ),
    family(
      'queue_in_flight',
      'Messages or jobs that a worker holds',
      ofQueues(({ in_flight }) => in_flight),
    ),
    family(
      'queue_oldest_seconds',
      'Age of the oldest that waits',
      ofQueues(({ oldest_seconds }) => oldest_seconds),
    ),
    family(
      'queue_dead_letters',
      'In the dead-letter queue',
      ofQueues(({ dead_letters }) => dead_letters),
    ),
  ];
  return lines.flat().join('\n');
}

function family(name: string, help: string, samples: readonly Sample[]): string[] {
  const metric = `tmon_check_${name}`;
  const shown = samples.filter(({ value }) => value !== null);
  if (shown.length === 0) return [];
  return [
    `# HELP ${metric} ${help}`,
    `# TYPE ${metric} gauge`,
    ...shown.map(({ labels = {}, value }) => `${metric}${labelsOf(labels)} ${value}`),
  ];
}

function labelsOf(labels: Record<string, string>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

const escaped = (value: string): string =>
  value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
