/**
 * Sightings into the journal: what is new in them, as one command. A finished job that has left memory is looked up in the
 * archive before it could be made anew, so that history that is read again, even after it was forgotten, doubles nothing.
 */
import { MonitorError } from '../../protocol/errors.ts';
import { isId } from '../../protocol/ids.ts';
import type { Sighting } from '../../protocol/sighting.ts';
import type { SightingsAnswer } from '../../protocol/source.ts';
import { eachAtOnce } from '../at-once.ts';
import type { Engine } from '../engine.ts';
import type { CommandBody, Outcome } from '../state-machine/decide/commands.ts';
import type { Refusal } from '../state-machine/decide/decision.ts';
import { judge, mergeByJob } from '../state-machine/decide/observed.ts';
import type { JobRecord } from '../state-machine/state/records.ts';

export type ObserveCommand = CommandBody & { type: 'observe_jobs' };

export type Observing = {
  engine: Pick<Engine, 'state'>;
  /** Reads on to the end of the journal: another instance may know a job already. */
  catchUp: () => Promise<unknown>;
  /** From the archive; undefined if it was never there. */
  archived: (job_id: string) => Promise<JobRecord | undefined>;
  submit: (body: ObserveCommand) => Promise<Pick<Outcome, 'refs' | 'replayed'>>;
  /** A caller's own rule, with the job as memory or the archive has it. What it leaves out is the caller's to report. */
  admits?: (sighting: Sighting, job: JobRecord | undefined) => boolean;
};

/** Requests to the store at a time. */
const READS_AT_ONCE = 16;
/** A job may leave memory between the look at it and the commit; hardly twice. */
const ROUNDS_MAX = 3;

/** At most 1,000. Resolves once what is new is in the journal. Throws Refused, JournalError, StoreError, MonitorError. */
export async function observe(
  observing: Observing,
  source: string,
  sightings: readonly Sighting[],
): Promise<SightingsAnswer> {
  const { engine, submit } = observing;
  const answer: SightingsAnswer = { taken: 0, known: 0, refused: [] };
  const refuse = ({ job_id }: Sighting, { code, message }: Pick<Refusal, 'code' | 'message'>): void => {
    answer.refused.push({ job_id, code, detail: message });
  };
  const sound = sightings.filter((told) => {
    if (isSound(told)) return true;
    refuse({ ...told, job_id: told.job_id.slice(0, 100) }, BAD_ID);
    return false;
  });
  const { found, damaged } = await lookUp(observing, sound);
  const jobOf = (job_id: string) => engine.state.job(job_id) ?? found.get(job_id);
  const admitted = sound.filter((told) => {
    return observing.admits?.(told, jobOf(told.job_id)) ?? true;
  });
  const news: Sighting[] = [];
  const absent: string[] = [];
  for (const told of mergeByJob(admitted)) {
    const unreadable = damaged.get(told.job_id);
    if (unreadable) {
      refuse(told, unreadable);
      continue;
    }
    const here = engine.state.job(told.job_id);
    const verdict = judge(jobOf(told.job_id), told);
    if (verdict.refusal) refuse(told, verdict.refusal);
    else if (verdict.news) {
      // What the archive has of a job goes on in memory, with what is new.
      news.push(here ? told : verdict.news);
      if (!here) absent.push(told.job_id);
    } else answer.known += 1;
  }
  const { refs, replayed } = await submit({ type: 'observe_jobs', source, sightings: news, absent });
  if (replayed) {
    answer.taken = refs.length;
    answer.known += news.length - refs.length;
    return answer;
  }
  return again(observing, source, news, answer);
}

const BAD_ID = { code: 'invalid_id', message: 'an id has letters, digits, _ and -, and at most 64 of them' };

/** Those of the news that have left memory before the commit are not in it yet. */
async function again(
  observing: Observing,
  source: string,
  news: Sighting[],
  answer: SightingsAnswer,
  round = 1,
): Promise<SightingsAnswer> {
  const left = news.filter(({ job_id }) => !observing.engine.state.job(job_id));
  answer.taken += news.length - left.length;
  if (left.length === 0 || round === ROUNDS_MAX) return answer;
  const { found } = await lookUp(observing, left);
  const still = left.flatMap((told) => judge(found.get(told.job_id), told).news ?? []);
  answer.known += left.length - still.length;
  if (still.length === 0) return answer;
  const absent = still.map(({ job_id }) => job_id);
  await observing.submit({ type: 'observe_jobs', source, sightings: still, absent });
  return again(observing, source, still, answer, round + 1);
}

/** What the archive has of those that are not in memory. A record that is damaged is its own job's trouble alone. */
async function lookUp(
  { engine, catchUp, archived }: Observing,
  sightings: readonly Sighting[],
): Promise<{ found: Map<string, JobRecord>; damaged: Map<string, MonitorError> }> {
  const found = new Map<string, JobRecord>();
  const damaged = new Map<string, MonitorError>();
  const absent = () => new Set(sightings.map(({ job_id }) => job_id).filter((job_id) => !engine.state.job(job_id)));
  if (absent().size === 0) return { found, damaged };
  await catchUp();
  if (engine.state.scalars.archived_jobs === 0) return { found, damaged };
  await eachAtOnce(absent(), READS_AT_ONCE, async (job_id) => {
    try {
      const job = await archived(job_id);
      if (job) found.set(job_id, job);
    } catch (error) {
      if (!(error instanceof MonitorError && error.kind === 'corrupt')) throw error;
      damaged.set(job_id, error);
    }
  });
  return { found, damaged };
}

/** Ids are parts of keys. */
function isSound({ job_id, worker_id }: Sighting): boolean {
  return isId(job_id) && (worker_id === null || isId(worker_id));
}
