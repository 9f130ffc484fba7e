/** What a rebuild did, or would do: the number of objects per folder, and the first few keys. */

export type RebuildReport = {
  /** True: nothing was written or deleted; this is what a rebuild would do. */
  dry_run: boolean;
  /** The segment that the views reflect. */
  as_of_seq: number;
  /** Objects that were missing or differed. */
  written: number;
  /** Objects that were correct. */
  unchanged: number;
  /** Views that would not be written now. */
  deleted: number;
  /** Objects in the views' folders that are not views: they are left alone. */
  foreign: number;
  /** Records of the archive. */
  archived: number;
  /** Keys of damaged records: their views are left unchanged. */
  damaged: string[];
  details: Record<Effect, Details>;
};

export type Effect = 'written' | 'deleted' | 'foreign';

/** `folders` counts by the first part of the key: `jobs/`. */
export type Details = { folders: Record<string, number>; examples: string[] };

const EXAMPLES_MAX = 5;

export function emptyReport(as_of_seq: number, dry_run: boolean): RebuildReport {
  return {
    dry_run,
    as_of_seq,
    written: 0,
    unchanged: 0,
    deleted: 0,
    foreign: 0,
    archived: 0,
    damaged: [],
    details: { written: noDetails(), deleted: noDetails(), foreign: noDetails() },
  };
}

export function count(report: RebuildReport, effect: Effect, key: string): void {
  const { folders, examples } = report.details[effect];
  const folder = key.slice(0, key.indexOf('/') + 1);
  report[effect] += 1;
  folders[folder] = (folders[folder] ?? 0) + 1;
  if (examples.length < EXAMPLES_MAX) examples.push(key);
}

function noDetails(): Details {
  return { folders: {}, examples: [] };
}
