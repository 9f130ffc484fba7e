/**
 * A check as the output of a Nagios plugin: one line with performance data, then details. The exit code is Nagios's own.
 * https://nagios-plugins.org/doc/guidelines.html
 */
import type { CheckDocument, CheckVerdict } from '../../protocol/check.ts';
import { reportOf } from '../../sources/check/report.ts';

const STATUS: Record<CheckVerdict, string> = { well: 'OK', wrong: 'CRITICAL', unknown: 'UNKNOWN' };

export const NAGIOS_EXIT: Record<CheckVerdict, number> = { well: 0, wrong: 2, unknown: 3 };

export function nagiosOf(document: CheckDocument): string {
  const { verdict, says, counts, sources } = document;
  const waiting = sources.reduce((sum, { queue }) => sum + (queue?.waiting ?? 0), counts.queued);
  const data = {
    running: counts.running,
    stuck: `${counts.stuck};;0;0`,
    completed: counts.completed,
    failed: counts.failed,
    waiting,
  };
  const performance = Object.entries(data).map(([label, value]) => `${label}=${value}`);
  const [, ...details] = reportOf(document).split('\n');
  const first = `TRANSCRIPTION ${STATUS[verdict]} - ${says.slice(verdict.length + 2)}`;
  return [`${plain(first)} | ${performance.join(' ')}`, ...details.filter((line) => line !== '').map(plain)].join('\n');
}

/** A bar would begin the performance data. */
const plain = (text: string): string => text.replaceAll('|', '¦');
