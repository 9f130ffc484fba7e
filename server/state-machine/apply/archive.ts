/** How the fold knows what the archive has: every pack, by its hash, and which pack or shard of the index leads to a job. */
import type { Event } from '../events.ts';
import type { ArchivedJob, JobRecord } from '../state/records.ts';
import type { State } from '../state/state.ts';

type ArchiveEvent = Event & { type: 'JobsArchived' | 'ArchivePacked' | 'ArchiveIndexed' | 'ArchiveRepacked' };

export function applyArchiveEvent(state: State, event: ArchiveEvent): void {
  switch (event.type) {
    case 'JobsArchived':
      return archive(state, event.data);
    case 'ArchivePacked':
      return repack(state, event.data);
    case 'ArchiveIndexed':
      return index(state, event.data);
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
  state.putPack({ ...pack, count: job_ids.length, ...now, stale: [] }, job_ids);
}

/** Takes a job back into memory, as the archive has it. Its ordinal, by which lists are paged, is given to no other. */
export function takeBack(state: State, { job, pack }: ArchivedJob): JobRecord {
  state.scalars.archived_jobs -= 1;
  state.scalars.archive_seq = state.seq;
  if (pack !== null) state.outdate(pack, job.job_id);
  return state.tables.jobs_by_creation.has(job.ordinal) ? { ...job, ordinal: state.nextOrdinal() } : job;
}

function repack(state: State, { job_ids, pack, replaces }: (ArchiveEvent & { type: 'ArchivePacked' })['data']): void {
  const last = { seq: 0, archived_ms: 0 };
  for (const key of replaces) {
    const older = state.tables.packs.get(key);
    last.seq = Math.max(last.seq, older?.seq ?? 0);
    last.archived_ms = Math.max(last.archived_ms, older?.archived_ms ?? 0);
    state.removePack(key);
  }
  if (last.archived_ms === 0) last.archived_ms = state.at_ms;
  state.scalars.archive_seq = state.seq;
  state.putPack({ ...pack, count: job_ids.length, ...last, stale: [] }, job_ids);
}

function index(state: State, { packs, shards }: (ArchiveEvent & { type: 'ArchiveIndexed' })['data']): void {
  for (const key of packs) state.settlePack(key);
  for (const shard of shards) state.tables.archive_shards.set(shard.first, shard);
  state.scalars.archive_seq = state.seq;
}
