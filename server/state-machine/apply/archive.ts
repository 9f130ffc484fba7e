/** How the fold knows what the archive has: every pack, by its hash, and which pack or shard of the index leads to a job. */
import { DAY_MS } from '../../../protocol/time.ts';
import type { Event } from '../events.ts';
import type { ArchivedJob, JobRecord } from '../state/records.ts';
import type { State } from '../state/state.ts';

type ArchiveEvent = Event & {
  type: 'JobsArchived' | 'ArchivePacked' | 'ArchiveIndexed' | 'ColumnsWritten' | 'ArchiveRepacked';
};

export function applyArchiveEvent(state: State, event: ArchiveEvent): void {
  switch (event.type) {
    case 'JobsArchived':
      return archive(state, event.data);
    case 'ArchivePacked':
      return repack(state, event.data);
    case 'ArchiveIndexed':
      return index(state, event.data);
    case 'ColumnsWritten':
      return columns(state, event.data);
    case 'ArchiveRepacked':
      state.scalars.loose_jobs = 0;
      return;
  }
}

function archive(state: State, { job_ids, pack }: (ArchiveEvent & { type: 'JobsArchived' })['data']): void {
  for (const job_id of job_ids) state.removeJob(job_id);
  state.scalars.archived_jobs += job_ids.length;
  if (!pack) {
    state.scalars.loose_jobs += job_ids.length;
    return;
  }
  const now = { seq: state.seq, archived_ms: state.at_ms };
  state.putPack({ ...pack, count: job_ids.length, ...now, stale: [], in_columns: false }, job_ids);
}

/** Takes a job back into memory, as the archive has it. Its ordinal, by which lists are paged, is given to no other. */
export function takeBack(state: State, { job, pack }: ArchivedJob): JobRecord {
  state.scalars.archived_jobs -= 1;
  state.scalars.archive_seq = state.seq;
  const { packs, column_strays } = state.tables;
  if (pack !== null && packs.get(pack)?.in_columns) column_strays.set(job.job_id, dayOf(job));
  if (pack !== null) state.outdate(pack, job.job_id);
  return state.tables.jobs_by_creation.has(job.ordinal) ? { ...job, ordinal: state.nextOrdinal() } : job;
}

function repack(state: State, { job_ids, pack, replaces }: (ArchiveEvent & { type: 'ArchivePacked' })['data']): void {
  const last = { seq: 0, archived_ms: 0 };
  let in_columns = replaces.length > 0;
  for (const key of replaces) {
    const older = state.tables.packs.get(key);
    in_columns &&= older?.in_columns ?? false;
    last.seq = Math.max(last.seq, older?.seq ?? 0);
    last.archived_ms = Math.max(last.archived_ms, older?.archived_ms ?? 0);
    state.removePack(key);
  }
  if (last.archived_ms === 0) last.archived_ms = state.at_ms;
  state.scalars.archive_seq = state.seq;
  state.putPack({ ...pack, count: job_ids.length, ...last, stale: [], in_columns }, job_ids);
}

function columns(
  state: State,
  { packs, files, replaces, strays }: (ArchiveEvent & { type: 'ColumnsWritten' })['data'],
): void {
  const { tables } = state;
  for (const key of packs) {
    const pack = tables.packs.get(key);
    if (pack) tables.packs.set(key, { ...pack, in_columns: true });
  }
  for (const name of replaces) tables.column_files.delete(name);
  for (const file of files) tables.column_files.set(file.name, file);
  for (const job_id of strays) tables.column_strays.delete(job_id);
  state.scalars.archive_seq = state.seq;
}

/** The day on which it ended, since 1970. */
export const dayOf = ({ completed_ms }: JobRecord): number => Math.floor((completed_ms ?? 0) / DAY_MS);

function index(state: State, { packs, shards }: (ArchiveEvent & { type: 'ArchiveIndexed' })['data']): void {
  for (const key of packs) state.settlePack(key);
  for (const shard of shards) state.tables.archive_shards.set(shard.first, shard);
  state.scalars.archive_seq = state.seq;
}
