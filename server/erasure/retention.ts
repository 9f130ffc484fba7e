/** Rules of retention: how long after its end a job is kept, by its tags and its tenant, or else by the default. */
import { parseDuration } from '../../protocol/alert-rules.ts';
import { RetentionFile } from '../../protocol/erasure.ts';
import { DAY_MS } from '../../protocol/time.ts';
import { type JobRecord, tenantOf } from '../state-machine/state/records.ts';
import { type FileProblem, type Path, type Report, readYaml } from '../yaml-file.ts';

/** Milliseconds after the end; null: never. */
export type RetentionRules = {
  default_ms: number | null;
  tags: ReadonlyMap<string, number | null>;
  tenants: ReadonlyMap<string, number | null>;
};

export const KEEP_ALL: RetentionRules = { default_ms: null, tags: new Map(), tenants: new Map() };

export type Due = { due_ms: number; rule: string };

type Ruled = Pick<JobRecord, 'tags' | 'tenant' | 'completed_ms'>;

/** null: it is kept, or has not ended. Of several rules the shortest period counts. */
export function dueOf(rules: RetentionRules, job: Ruled): Due | null {
  const { completed_ms } = job;
  if (completed_ms === null) return null;
  let first: Due | null = null;
  for (const [rule, keep_ms] of rulesFor(rules, job)) {
    if (keep_ms === null) continue;
    const due_ms = completed_ms + keep_ms;
    if (first === null || due_ms < first.due_ms) first = { due_ms, rule };
  }
  return first;
}

function rulesFor({ default_ms, tags, tenants }: RetentionRules, job: Ruled): [rule: string, keep_ms: number | null][] {
  const found: [string, number | null][] = [];
  for (const tag of job.tags) if (tags.has(tag)) found.push([`tag:${tag}`, tags.get(tag)!]);
  const tenant = tenantOf(job);
  if (tenants.has(tenant)) found.push([`tenant:${tenant}`, tenants.get(tenant)!]);
  return found.length > 0 ? found : [['default', default_ms]];
}

/** No job is due sooner after its end; null: none is ever. */
export function shortest({ default_ms, tags, tenants }: RetentionRules): number | null {
  const all = [default_ms, ...tags.values(), ...tenants.values()].filter((keep_ms) => keep_ms !== null);
  return all.length === 0 ? null : Math.min(...all);
}

export type ReadRetention =
  | { rules: RetentionRules; problems?: undefined }
  | { problems: FileProblem[]; rules?: undefined };

export function readRetention(text: string): ReadRetention {
  let rules = KEEP_ALL;
  const read = readYaml(text, RetentionFile, (file, report) => {
    const periodsIn = (field: 'tags' | 'tenants') =>
      new Map(
        Object.entries(file[field] ?? {}).map(([name, period]) => [name, periodOf(period, [field, name], report)]),
      );
    const default_ms = file.default === undefined ? null : periodOf(file.default, ['default'], report);
    rules = { default_ms, tags: periodsIn('tags'), tenants: periodsIn('tenants') };
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
