/**
 * What wrote a log, from a few of its lines: some forms need a further look at every line, which is spared for all others.
 */
import { dayFirstIn } from '../../protocol/log-dates.ts';

/** `docker`, `cri`: lines may be in parts. `journald`: messages may be bytes. */
export type LineFormat = 'docker' | 'cri' | 'journald' | 'other';

export function formatOf(text: string): LineFormat {
  for (const line of samples(text)) {
    if (line.startsWith('{"log":"')) return 'docker';
    if (/^\d{4}-\d\d-\d\dT\S+ std(?:out|err) [PF]/.test(line)) return 'cri';
    if (/^(?:data: )?\{/.test(line) && /"(?:__REALTIME_TIMESTAMP|__CURSOR|MESSAGE|_HOSTNAME)" ?:/.test(line))
      return 'journald';
  }
  return 'other';
}

/** Whether the log has dates like 01/02/2026, and which number is the day; null if these do not show it. */
export function dateOrderIn(text: string): { numeric: boolean; day_first: boolean | null } {
  const numeric = samples(text).some((line) => /(?<!\d)\d\d?[/-]\d\d?[/-]\d{4}[ ,T]/.test(line.slice(0, 100)));
  return { numeric, day_first: numeric ? dayFirstIn(text) : null };
}

/** The beginnings of lines here and there. */
function samples(text: string): string[] {
  const lines: string[] = [];
  for (let share = 0; share < SAMPLES; share += 1) {
    const at = Math.floor((text.length * share) / SAMPLES);
    const start = at === 0 ? 0 : text.indexOf('\n', at) + 1;
    if (at === 0 || start > 0) lines.push(text.slice(start, start + SAMPLE_CHARS));
  }
  return lines;
}

const SAMPLES = 8;
const SAMPLE_CHARS = 1000;
