/**
 * Decides erasures. A waiting job is cancelled first; one that a worker holds is refused, because its worker has the recording
 * and would still write a transcript: it has to be cancelled, and to have stopped.
 */
import { dayOf } from '../apply/archive.ts';
import type { Event } from '../events.ts';
import { ERASURE_STAGES, isErased, remainsOf } from '../state/erasures.ts';
import { finished, type JobRecord, running, runsElsewhere } from '../state/records.ts';
import type { State } from '../state/state.ts';
import type { CommandBody } from './commands.ts';
import { type Decision, type Refusal, type RefusedPart, refuse } from './decision.ts';
import { cancelled } from './jobs.ts';

type Body<T extends CommandBody['type']> = CommandBody & { type: T };

/** Refuses the whole command if it is about one job, otherwise only the jobs that cannot be erased now. */
export function eraseJobs(state: State, { jobs, read_seq, by, reason }: Body<'erase_jobs'>): Decision {
  const events: Event[] = [];
  const refused: RefusedPart[] = [];
  for (const [index, { job_id, archived }] of jobs.entries()) {
    if (isErased(state, job_id)) continue;
    const here = state.job(job_id);
    const refusal = here ? refusalOf(here) : archivedRefusal(state, job_id, { archived, read_seq });
    if (refusal) {
      if (jobs.length === 1) return { refusal };
      refused.push({ index, refusal });
      continue;
    }
    const job = here ?? archived!.job;
    if (here && !finished(here.state)) events.push(cancelled(here, 'Cancelled to be erased'));
    events.push({
      type: 'JobErased',
      entity: job_id,
      data: {
        ...remainsOf(job),
        by,
        reason,
        observed: runsElsewhere(job),
        archived: here ? null : { pack: archived!.pack, day: dayOf(job) },
      },
    });
  }
  return { events, refused };
}

function refusalOf({ job_id, state }: JobRecord): Refusal | null {
  if (!running(state)) return null;
  return refuse('conflict', 'job_running', `${job_id} is ${state}: its worker has the recording`, {
    extra: { state },
    hint: `Cancel it, and erase it once it is CANCELLED: tmon cancel ${job_id}`,
  }).refusal;
}

function archivedRefusal(
  state: State,
  job_id: string,
  { archived, read_seq }: Pick<Body<'erase_jobs'>['jobs'][number], 'archived'> & { read_seq: number },
): Refusal | null {
  if (state.hasBeenArchivedSince(job_id, read_seq)) {
    return refuse('unavailable', 'archive_busy', `${job_id} is being moved in the archive`, {
      hint: 'Send the request again.',
    }).refusal;
  }
  return archived ? null : refuse('not_found', 'job_not_found', `there is no job ${job_id}`).refusal;
}

export function advanceErasures(state: State, { job_ids, stage }: Body<'advance_erasures'>): Decision {
  const due = job_ids.filter((job_id) => {
    const erasure = state.tables.erasures.get(job_id);
    return erasure && ERASURE_STAGES.indexOf(erasure.stage) < ERASURE_STAGES.indexOf(stage);
  });
  if (due.length === 0) return { events: [] };
  return { events: [{ type: 'ErasuresAdvanced', entity: 'erasures', data: { job_ids: due, stage } }] };
}

/** Only packs of which every row has been outdated. */
export function dropPacks(state: State, { packs }: Body<'drop_packs'>): Decision {
  const empty = packs.filter((key) => {
    const pack = state.tables.packs.get(key);
    return pack && new Set(pack.stale).size >= pack.count;
  });
  if (empty.length === 0) return { events: [] };
  return { events: [{ type: 'PacksDropped', entity: 'archive', data: { packs: empty } }] };
}
