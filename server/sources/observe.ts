/**
 * Writes the news in sightings to the journal. A finished job that has left memory is first looked up in the archive, so that
 * reading old history again creates no duplicates; one with news returns to memory as it was archived.
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
import { isErased } from '../state-machine/state/erasures.ts';
import type { ArchivedJob, JobRecord } from '../state-machine/state/records.ts';

export type ObserveCommand = CommandBody & { type: 'observe_jobs' };

export type Observing = {
  engine: Pick<Engine, 'state'>;
  /** Reads to the end of the journal, since another instance may have written a job. */
  catchUp: () => Promise<unknown>;
  /** From the archive; undefined if it was never there. */
  archived: (job_id: string) => Promise<ArchivedJob | undefined>;
  submit: (body: ObserveCommand) => Promise<Pick<Outcome, 'refs' | 'replayed'>>;
  /** An additional check by the caller, with the job from memory or the archive. The caller reports what it rejects. */
  admits?: (sighting: Sighting, job: JobRecord | undefined) => boolean;
  /** Is told the jobs whose news is in the journal. */
  took?: (job_ids: readonly string[]) => void;
};

/** Maximum number of concurrent requests to the store. */
const READS_AT_ONCE = 16;
/** Jobs per command that return from the archive: their records must fit in a segment. */
const RETURNING_MAX = 50;
/** A job may leave memory between the lookup and the commit, but hardly more than once. */
const SKIPPED_MAX = 5;

type Lookup = {
  found: ReadonlyMap<string, ArchivedJob>;
  damaged: ReadonlyMap<string, MonitorError>;
  /** The seq of the fold that the archive was read by. */
  read_seq: number;
};

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
  let lookup = await lookUp(observing, sound);
  const jobOf = (job_id: string) => engine.state.job(job_id) ?? lookup.found.get(job_id)?.job;
  let left = mergeByJob(sound.filter((sighting) => observing.admits?.(sighting, jobOf(sighting.job_id)) ?? true));
  for (let skipped = 0; ; ) {
    const news = left.filter((sighting) => {
      const refused = isErased(engine.state, sighting.job_id) ? ERASED : lookup.damaged.get(sighting.job_id);
      const { news = null, refusal } = refused ? { refusal: refused } : judge(jobOf(sighting.job_id), sighting);
      if (refusal) refuse(sighting, refusal);
      else if (!news) result.known += 1;
      return news !== null;
    });
    const { refs, replayed } = await submit({ type: 'observe_jobs', source, ...portionOf(news, lookup, engine) });
    left = news.filter(({ job_id }) => !engine.state.job(job_id));
    const behind = new Set(left);
    observing.took?.(news.filter((sighting) => !behind.has(sighting)).map(({ job_id }) => job_id));
    const taken = news.length - left.length;
    result.taken += replayed ? refs.length : taken;
    // The first try of a repeated request took what is known by now.
    if (replayed) result.known = Math.max(0, result.known + taken - refs.length);
    if (left.length === 0) return result;
    skipped = taken > 0 || replayed ? 0 : skipped + 1;
    if (skipped === SKIPPED_MAX) {
      throw new MonitorError('unavailable', 'archive_busy', `${left[0]!.job_id} leaves memory again and again`, {
        hint: 'Send the sightings again.',
      });
    }
    lookup = await lookUp(observing, left);
  }
}

/** As many as fit in a command. */
function portionOf(
  news: readonly Sighting[],
  { found, read_seq }: Lookup,
  { state }: Pick<Engine, 'state'>,
): Pick<ObserveCommand, 'sightings' | 'archived' | 'read_seq'> {
  const sightings: Sighting[] = [];
  const archived: [string, ArchivedJob | null][] = [];
  let returning = 0;
  for (const sighting of news) {
    const { job_id } = sighting;
    if (!state.job(job_id)) {
      const job = found.get(job_id) ?? null;
      if (job && returning === RETURNING_MAX) continue;
      if (job) returning += 1;
      archived.push([job_id, job]);
    }
    sightings.push(sighting);
  }
  return { sightings, archived, read_seq };
}

/** A source that is read again does not bring an erased job back. */
const ERASED = { code: 'job_erased', message: 'the job was erased; delete it at its source, too' };
const BAD_ID = { code: 'invalid_id', message: 'an id is up to 64 letters, digits, _ and -' };

/** Reads jobs that are not in memory from the archive. A damaged record affects only its own job. */
async function lookUp({ engine, catchUp, archived }: Observing, sightings: readonly Sighting[]): Promise<Lookup> {
  const found = new Map<string, ArchivedJob>();
  const damaged = new Map<string, MonitorError>();
  const absent = () => new Set(sightings.map(({ job_id }) => job_id).filter((job_id) => !engine.state.job(job_id)));
  if (absent().size > 0) await catchUp();
  const { seq: read_seq, scalars } = engine.state;
  if (scalars.archived_jobs === 0) return { found, damaged, read_seq };
  await eachAtOnce(absent(), READS_AT_ONCE, async (job_id) => {
    try {
      const job = await archived(job_id);
      if (job) found.set(job_id, job);
    } catch (error) {
      if (!(error instanceof MonitorError && error.kind === 'corrupt')) throw error;
      damaged.set(job_id, error);
    }
  });
  return { found, damaged, read_seq };
}

/** Whether the ids are valid; they become parts of keys. */
function isSound({ job_id, worker_id }: Sighting): boolean {
  return isId(job_id) && (worker_id === null || isId(worker_id));
}
