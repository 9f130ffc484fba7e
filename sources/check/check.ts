/**
 * `tmon check`: reads every source, merges their reports of each job, tracks progress, and judges.
 *
 * An unreadable source does not hide the others, and keeps its last state meanwhile.
 */
import type { CheckDocument } from '../../protocol/check.ts';
import { mergeSightings, type Sighting } from '../../protocol/sighting.ts';
import { offsetInZone } from '../../protocol/zone.ts';
import type { Source } from '../source.ts';
import { followTeller, type Teller, tellerOf } from './clocks.ts';
import { CHECK_DEFAULTS, type CheckOptions, judge, type KnownJob } from './judge.ts';
import { CheckMemory } from './memory.ts';
import { type Look, SourceReader } from './read-source.ts';
import { follow, type Track } from './track.ts';

export class Check {
  readonly memory: CheckMemory;
  readonly #readers: readonly SourceReader[];
  readonly #options: CheckOptions;

  constructor(sources: readonly Source[], options: Partial<CheckOptions> = {}, memory = new CheckMemory()) {
    this.#readers = sources.map((source) => new SourceReader(source, memory));
    this.#options = { ...CHECK_DEFAULTS, ...options };
    this.memory = memory;
  }

  /** One round. Rejects only if `signal` aborts, or because of a bug. */
  async run(now_ms: number, signal: AbortSignal): Promise<CheckDocument> {
    const since_ms = now_ms - this.#options.since_ms;
    const looks = await Promise.all(this.#readers.map((reader) => reader.read({ now_ms, since_ms, signal })));
    const complete = looks.every(({ checked }) => checked.read);
    const { jobs: reported, completed } = merged(looks);
    const tellers = this.#followTellers(reported, looks, now_ms);
    const jobs: KnownJob[] = reported.map(({ sighting, source, moved_ms }) => ({
      sighting,
      source,
      track: follow(this.memory.tracks.get(sighting.job_id), sighting, { now_ms, moved_ms }),
      off_ms: tellers.get(tellerOf({ sighting }))?.off_ms,
    }));
    const kept: [string, Track][] = jobs
      .filter(({ sighting }) => sighting.state === 'PROCESSING')
      .map(({ sighting, track }) => [sighting.job_id, track]);
    this.memory.tracks = new Map([...(complete ? [] : this.memory.tracks), ...kept]);
    this.memory.endRound({ complete });
    this.memory.tellers = new Map([...(complete ? [] : this.memory.tellers), ...tellers]);
    return judge({ jobs, completed, heard_ms: heardBy(looks, tellers), sources: looks, now_ms }, this.#options);
  }

  /** Of the jobs that have not ended, and of what else their workers reported. */
  #followTellers(all: readonly Merged[], looks: readonly Look[], now_ms: number): Map<string, Teller> {
    const unsure = looks.filter(({ evidence }) => evidence.without_zone);
    const sources = new Set(unsure.map(({ checked }) => checked.name));
    const jobs = all.filter(({ source }) => sources.has(source));
    const local_minutes = this.#options.local_minutes ?? offsetInZone(now_ms, 'local');
    const newest = new Map<string, number>();
    const tells = (teller: string, told_ms: number) => newest.set(teller, Math.max(newest.get(teller) ?? 0, told_ms));
    for (const look of unsure) for (const [worker_id, told_ms] of look.jobs.heard_ms) tells(worker_id, told_ms);
    for (const job of jobs) tells(tellerOf(job), job.sighting.told_ms);
    const open = new Set(jobs.filter(({ sighting }) => sighting.state === 'PROCESSING').map(tellerOf));
    return new Map(
      [...newest]
        .filter(([teller]) => open.has(teller))
        .map(([teller, told_ms]) => [
          teller,
          followTeller(this.memory.tellers.get(teller), told_ms, { now_ms, local_minutes }),
        ]),
    );
  }
}

type Merged = { sighting: Sighting; source: string; moved_ms: number | undefined };

/** Jobs that have not completed in every source that has them, and how many others there are. */
function merged(looks: readonly Look[]): { jobs: Merged[]; completed: number } {
  const jobs = new Map<string, Merged>();
  for (const look of looks) {
    for (const job_id of look.jobs.whole.keys()) if (!jobs.has(job_id)) jobs.set(job_id, mergedJob(job_id, looks));
  }
  let completed = 0;
  for (const [at, { jobs: reported }] of looks.entries()) {
    // With one source, nothing has to be looked up a million times.
    if (looks.length === 1) completed = reported.completed.size;
    else {
      const earlier = looks.slice(0, at);
      for (const job_id of reported.completed.keys()) {
        if (!jobs.has(job_id) && !earlier.some((look) => look.jobs.completed.has(job_id))) completed += 1;
      }
    }
  }
  return { jobs: [...jobs.values()], completed };
}

function mergedJob(job_id: string, looks: readonly Look[]): Merged {
  let job: Merged | undefined;
  for (const { jobs, checked } of looks) {
    const sighting = jobs.get(job_id);
    if (sighting === undefined) continue;
    const newest = job === undefined || sighting.told_ms > job.sighting.told_ms;
    job = {
      sighting: job === undefined ? sighting : mergeSightings(job.sighting, sighting),
      source: newest ? checked.name : job!.source,
      moved_ms: newest ? jobs.movedAt(job_id) : job!.moved_ms,
    };
  }
  return job!;
}

/** By our clock, the newest report of each worker about any job. */
function heardBy(looks: readonly Look[], tellers: ReadonlyMap<string, Teller>): Map<string, number> {
  const heard_ms = new Map<string, number>();
  for (const { jobs } of looks) {
    for (const [worker_id, told_ms] of jobs.heard_ms) {
      const by_ours_ms = told_ms + Math.max(0, tellers.get(worker_id)?.off_ms ?? 0);
      heard_ms.set(worker_id, Math.max(heard_ms.get(worker_id) ?? 0, by_ours_ms));
    }
  }
  return heard_ms;
}
