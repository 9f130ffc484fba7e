/** Applies erasures: the job leaves the fold, and with it every record that repeats its words. */
import type { ErasureEvent } from '../events.ts';
import { ERASURE_STAGES, type ErasureRecord, OBSERVED_MAX } from '../state/erasures.ts';
import type { State } from '../state/state.ts';

export function applyErasureEvent(state: State, event: ErasureEvent): void {
  switch (event.type) {
    case 'JobErased':
      return erase(state, event);
    case 'ErasuresAdvanced':
      for (const job_id of event.data.job_ids) advance(state, job_id, event.data.stage);
      return forgetObserved(state);
    case 'PacksDropped':
      for (const key of event.data.packs) state.removePack(key);
      state.scalars.archive_seq = state.seq;
  }
}

function erase(state: State, { entity: job_id, data }: ErasureEvent & { type: 'JobErased' }): void {
  const { by, reason, observed, archived, ends, workers, upload_id } = data;
  const { tables, scalars } = state;
  if (tables.erasures.has(job_id)) return;
  if (tables.jobs.has(job_id)) state.removeJob(job_id);
  else if (archived) {
    scalars.archived_jobs -= 1;
    if (archived.pack === null) scalars.loose_jobs -= 1;
    else {
      if (tables.packs.get(archived.pack)?.in_columns) tables.column_strays.set(job_id, archived.day);
      state.outdate(archived.pack, job_id);
    }
    scalars.archive_seq = state.seq;
  }
  state.removeNoticesOf(job_id);
  const remains = { ends, workers, upload_id };
  tables.erasures.set(job_id, {
    job_id,
    ...remains,
    seq: state.seq,
    erased_ms: state.at_ms,
    by,
    reason,
    stage: 'erased',
    observed,
  });
}

function advance({ tables: { erasures } }: State, job_id: string, stage: ErasureRecord['stage']): void {
  const last = erasures.get(job_id);
  if (!last || ERASURE_STAGES.indexOf(stage) <= ERASURE_STAGES.indexOf(last.stage)) return;
  if (stage === 'ended' && !last.observed) erasures.delete(job_id);
  else if (stage === 'ended') erasures.set(job_id, { ...last, stage, ends: [], workers: [], upload_id: null });
  else erasures.set(job_id, { ...last, stage });
}

function forgetObserved({ tables: { erasures } }: State): void {
  if (erasures.size <= OBSERVED_MAX) return;
  const ended = [...erasures.values()].filter(({ stage }) => stage === 'ended');
  ended.sort((a, b) => a.seq - b.seq);
  for (const { job_id } of ended.slice(0, Math.max(0, ended.length - OBSERVED_MAX))) erasures.delete(job_id);
}
