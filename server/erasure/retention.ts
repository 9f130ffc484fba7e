/** Rules of retention: how long after its end a job is kept, by its tags, or else by the default. */
import { parseDuration } from '../../protocol/alert-rules.ts';
import { RetentionFile } from '../../protocol/erasure.ts';
import { DAY_MS } from '../../protocol/time.ts';
import type { JobRecord } from '../state-machine/state/records.ts';
import { type FileProblem, type Path, type Report, readYaml } from '../yaml-file.ts';

/** Milliseconds after the end; null: never. */
export type RetentionRules = { default_ms: number | null; tags: ReadonlyMap<string, number | null> };

export const KEEP_ALL: RetentionRules = { default_ms: null, tags: new Map() };

export type Due = { due_ms: number; rule: string };

/** null: it is kept, or has not ended. */
export function dueOf({ default_ms, tags }: RetentionRules, job: Pick<JobRecord, 'tags' | 'completed_ms'>): Due | null {
  if (job.completed_ms === null) return null;
  const ruled = job.tags.filter((tag) => tags.has(tag));
  if (ruled.length === 0)
    return default_ms === null ? null : { due_ms: job.completed_ms + default_ms, rule: 'default' };
  let first: Due | null = null;
  for (const tag of ruled) {
    const keep_ms = tags.get(tag) ?? null;
    if (keep_ms === null) continue;
    const due = { due_ms: job.completed_ms + keep_ms, rule: `tag:${tag}` };
    if (first === null || due.due_ms < first.due_ms) first = due;
  }
  return first;
}

/** No job is due sooner after its end; null: none is ever. */
export function shortest({ default_ms, tags }: RetentionRules): number | null {
  const all = [default_ms, ...tags.values()].filter((keep_ms) => keep_ms !== null);
  return all.length === 0 ? null : Math.min(...all);
}

export type ReadRetention =
  | { rules: RetentionRules; problems?: undefined }
  | { problems: FileProblem[]; rules?: undefined };

export function readRetention(text: string): ReadRetention {
  let rules = KEEP_ALL;
  const read = readYaml(text, RetentionFile, (file, report) => {
    const tags = new Map(
      Object.entries(file.tags ?? {}).map(([tag, period]) => [tag, periodOf(period, ['tags', tag], report)]),
    );
    rules = { default_ms: file.default === undefined ? null : periodOf(file.default, ['default'], report), tags };
  });
  return read.problems ? { problems: read.problems } : { rules };
}

/** A minute for a month would erase everything, so less than a day is refused. */
function periodOf(period: string, path: Path, report: Report): number | null {
  if (period === 'never') return null;
  const keep_ms = (parseDuration(period) ?? -1) * 1000;
  if (keep_ms >= DAY_MS) return keep_ms;
  report(path, `${JSON.stringify(period)} is not a duration of at least a day like 30d, or never`);
  return null;
}
