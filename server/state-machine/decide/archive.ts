/**
 * What may be forgotten because the archive has it, and what becomes of the archive's objects.
 *
 * An object is in the store before the command that names it, so a command that comes too late names one that may have been
 * swept: after an hour of log time none is taken. A command that moves archived jobs rests on what the fold said when its
 * author began; if another one came between, it is dropped and its author begins anew.
 */
import { HOUR_MS } from '../../../protocol/time.ts';
import type { Event } from '../events.ts';
import { finished } from '../state/records.ts';
import type { State } from '../state/state.ts';
import type { Archived, CommandBody, Packed } from './commands.ts';
import type { Decision } from './decision.ts';

/** Objects that no fold names are swept a day after they were written: far beyond this. */
export const NAMED_WITHIN_MS = HOUR_MS;

const NOTHING: Decision = { events: [] };

/** Only what may still be forgotten: it may have come back to life, or changed, since the archive was written. */
export function forget(state: State, body: CommandBody & { type: 'forget' }): Decision {
  const { workers, alerts } = state.tables;
  const events: Event[] = body.packs
    .filter((packed) => mayForget(state, packed))
    .map(({ pack, jobs }) => ({
      type: 'JobsArchived',
      entity: 'archive',
      data: { job_ids: jobs.map(({ id }) => id), pack },
    }));
  const worker_ids = unchanged(workers, body.workers, (worker) => worker.state === 'TERMINATED');
  const alert_ids = unchanged(alerts, body.alerts, (alert) => alert.resolved_ms !== null && !alert.holds);
  if (worker_ids.length > 0) events.push({ type: 'WorkersArchived', entity: 'archive', data: { worker_ids } });
  if (alert_ids.length > 0) events.push({ type: 'AlertsArchived', entity: 'archive', data: { alert_ids } });
  return { events };
}

/** All of a pack or nothing of it, so that the journal names exactly what it holds. */
function mayForget(state: State, { pack, made_ms, jobs }: Packed): boolean {
  const { jobs: known, packs } = state.tables;
  if (isLate(state, made_ms) || packs.has(pack.key) || jobs.length === 0) return false;
  return unchanged(known, jobs, (job) => finished(job.state) && job.dead === null).length === jobs.length;
}

export function packArchived(state: State, body: CommandBody & { type: 'pack_archived' }): Decision {
  const { basis_seq, made_ms, pack, job_ids, replaces } = body;
  const { packs } = state.tables;
  if (basis_seq !== state.scalars.archive_seq || isLate(state, made_ms)) return NOTHING;
  if (packs.has(pack.key) || job_ids.length === 0 || !replaces.every((key) => packs.has(key))) return NOTHING;
  return { events: [{ type: 'ArchivePacked', entity: 'archive', data: { job_ids, pack, replaces } }] };
}

export function indexArchive(state: State, body: CommandBody & { type: 'index_archive' }): Decision {
  const { basis_seq, made_ms, packs, shards } = body;
  if (basis_seq !== state.scalars.archive_seq || isLate(state, made_ms)) return NOTHING;
  return { events: [{ type: 'ArchiveIndexed', entity: 'archive', data: { packs, shards } }] };
}

/** A job with rows in two files would be counted twice, so packs, which may have one of a stray, come after the strays. */
export function writeColumns(state: State, body: CommandBody & { type: 'write_columns' }): Decision {
  const { basis_seq, made_ms, packs, files, replaces, strays } = body;
  const { tables } = state;
  if (basis_seq !== state.scalars.archive_seq || isLate(state, made_ms)) return NOTHING;
  if (packs.some((key) => tables.packs.get(key)?.in_columns !== false)) return NOTHING;
  if (!replaces.every((name) => tables.column_files.has(name))) return NOTHING;
  if (!strays.every((job_id) => tables.column_strays.has(job_id))) return NOTHING;
  if (packs.length > 0 && strays.length < tables.column_strays.size) return NOTHING;
  return { events: [{ type: 'ColumnsWritten', entity: 'archive', data: { packs, files, replaces, strays } }] };
}

/** An instance of an older version may have archived some more. */
export function endRepacking(state: State, { loose_jobs }: CommandBody & { type: 'end_repacking' }): Decision {
  if (loose_jobs !== state.scalars.loose_jobs || loose_jobs === 0) return NOTHING;
  return { events: [{ type: 'ArchiveRepacked', entity: 'archive', data: {} }] };
}

const isLate = (state: State, made_ms: number): boolean => state.at_ms - made_ms > NAMED_WITHIN_MS;

function unchanged<R extends { version: number }>(
  table: { get(id: string): R | undefined },
  archived: readonly Archived[],
  over: (record: R) => boolean,
): string[] {
  return archived.flatMap(({ id, version }) => {
    const record = table.get(id);
    return record && record.version === version && over(record) ? [id] : [];
  });
}
