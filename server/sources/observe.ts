/**
 * Writes the news in sightings to the journal, as one command. A finished job that has left memory is first looked up in the
 * archive, so that reading old history again creates no duplicates.
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
  /** Reads to the end of the journal, since another instance may have written a job. */
  catchUp: () => Promise<unknown>;
  /** From the archive; undefined if it was never there. */
  archived: (job_id: string) => Promise<JobRecord | undefined>;
  submit: (body: ObserveCommand) => Promise<Pick<Outcome, 'refs' | 'replayed'>>;
  /** An additional check by the caller, with the job from memory or the archive. The caller reports what it rejects. */
  admits?: (sighting: Sighting, job: JobRecord | undefined) => boolean;
};

/** Maximum number of concurrent requests to the store. */
const READS_AT_ONCE = 16;
/** A job may leave memory between the lookup and the commit, but hardly more than once. */
const ROUNDS_MAX = 3;

/** Takes up to 1,000 sightings. Resolves once the news is in the journal. Throws Refused, JournalError, StoreError, MonitorError. */
export async function observe(
  observing: Observing,
  source: string,
  sightings: readonly Sighting[],
): Promise<SightingsAnswer> {
  const { engine, submit } = observing;
  const result: SightingsAnswer = { taken: 0, known: 0, refused: [] };
  const refuse = ({ job_id }: Sighting, { code, message }: Pick<Refusal, 'code' | 'message'>): void => {
    result.refused.push({ job_id, code, detail: message });
  };
  const sound = sightings.filter((sighting) => {
    if (isSound(sighting)) return true;
    refuse({ ...sighting, job_id: sighting.job_id.slice(0, 100) }, BAD_ID);
    return false;
  });
  const { found, damaged } = await lookUp(observing, sound);
  const jobOf = (job_id: string) => engine.state.job(job_id) ?? found.get(job_id);
  const admitted = sound.filter((sighting) => {
    return observing.admits?.(sighting, jobOf(sighting.job_id)) ?? true;
  });
  const news: Sighting[] = [];
  const absent: string[] = [];
  for (const sighting of mergeByJob(admitted)) {
    const unreadable = damaged.get(sighting.job_id);
    if (unreadable) {
      refuse(sighting, unreadable);
      continue;
    }
    const here = engine.state.job(sighting.job_id);
    const verdict = judge(jobOf(sighting.job_id), sighting);
    if (verdict.refusal) refuse(sighting, verdict.refusal);
    else if (verdict.news) {
      // A job from the archive returns to memory with everything known about it.
      news.push(here ? sighting : verdict.news);
      if (!here) absent.push(sighting.job_id);
    } else result.known += 1;
  }
  const { refs, replayed } = await submit({ type: 'observe_jobs', source, sightings: news, absent });
  if (replayed) {
    result.taken = refs.length;
    result.known += news.length - refs.length;
    return result;
  }
  return observeDeparted(observing, source, news, result);
}

const BAD_ID = { code: 'invalid_id', message: 'an id is up to 64 letters, digits, _ and -' };

/** Looks up jobs that left memory before the commit, which skipped them, and submits their news again. */
async function observeDeparted(
  observing: Observing,
  source: string,
  news: Sighting[],
  result: SightingsAnswer,
  round = 1,
): Promise<SightingsAnswer> {
  const left = news.filter(({ job_id }) => !observing.engine.state.job(job_id));
  result.taken += news.length - left.length;
  if (left.length === 0 || round === ROUNDS_MAX) return result;
  const { found } = await lookUp(observing, left);
  const still = left.flatMap((sighting) => judge(found.get(sighting.job_id), sighting).news ?? []);
  result.known += left.length - still.length;
  if (still.length === 0) return result;
  const absent = still.map(({ job_id }) => job_id);
  await observing.submit({ type: 'observe_jobs', source, sightings: still, absent });
  return observeDeparted(observing, source, still, result, round + 1);
}

/** Reads jobs that are not in memory from the archive. A damaged record affects only its own job. */
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

/** Whether the ids are valid; they become parts of keys. */
function isSound({ job_id, worker_id }: Sighting): boolean {
  return isId(job_id) && (worker_id === null || isId(worker_id));
}
