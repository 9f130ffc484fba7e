/**
 * `tmon check`: reads every source, merges their reports of each job, tracks progress, and judges.
 *
 * An unreadable source does not hide the others, and keeps its last state meanwhile.
 */
import type { CheckDocument } from '../../protocol/check.ts';
import type { Sighting } from '../../protocol/sighting.ts';
import { offsetInZone } from '../../protocol/zone.ts';
import type { Source } from '../source.ts';
import { followTeller, type Nearest, nearestOf, type Teller, tellerOf } from './clocks.ts';
import { CHECK_DEFAULTS, type CheckOptions, type Completed, judge, type KnownJob } from './judge.ts';
import { CheckMemory } from './memory.ts';
import { type Look, SourceReader } from './read-source.ts';
import { type Reported, ReportedJobs } from './reported-jobs.ts';
import { follow, isAhead, type Track } from './track.ts';

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
    const round = { now_ms, since_ms, alone: this.#readers.length === 1, signal };
    const looks = await Promise.all(this.#readers.map((reader) => reader.read(round)));
    const complete = looks.every(({ checked }) => checked.read);
    const reported = merged(looks);
    const tellers = this.#followTellers(reported, looks, now_ms);
    const known = ({ sighting, source, moved_ms }: Reported): KnownJob => ({
      sighting,
      source,
      track: follow(this.memory.tracks.get(sighting.job_id), sighting, { now_ms, moved_ms }),
      off_ms: tellers.get(tellerOf({ sighting }))?.off_ms,
    });
    const jobs = Array.from(reported.others(), known);
    const completed = completedSince(reported, { since_ms, now_ms, tellers });
    for (const sighting of completed.ahead) jobs.push(known({ sighting, source: '', moved_ms: undefined }));
    const kept: [string, Track][] = jobs
      .filter(({ sighting }) => sighting.state === 'PROCESSING')
      .map(({ sighting, track }) => [sighting.job_id, track]);
    this.memory.tracks = new Map([...(complete ? [] : this.memory.tracks), ...kept]);
    this.memory.endRound({ complete });
    this.memory.tellers = new Map([...(complete ? [] : this.memory.tellers), ...tellers]);
    const sources = looks.flatMap((look) => [look, ...look.followed]);
    return judge({ jobs, completed, sources, now_ms }, this.#options);
  }

  /** Of the jobs that have not ended, and of what else their workers reported. */
  #followTellers(reported: ReportedJobs, looks: readonly Look[], now_ms: number): Map<string, Teller> {
    const doubtful = new Map(
      looks.filter(({ evidence }) => evidence.without_zone).map(({ checked, jobs }) => [checked.name, jobs]),
    );
    const running = new Map<string, string>();
    for (const job of reported.others()) {
      if (job.sighting.state === 'PROCESSING' && doubtful.has(job.source)) running.set(tellerOf(job), job.source);
    }
    const local_minutes = this.#options.local_minutes ?? offsetInZone(now_ms, 'local');
    const newest = new Map<string, number>();
    const nearest = new Map<string, Nearest | null>();
    for (const source of new Set(running.values())) {
      const told = newestReports(doubtful.get(source)!);
      nearest.set(source, nearestOf([...told.values()], now_ms));
      for (const [teller, told_ms] of told) newest.set(teller, Math.max(newest.get(teller) ?? 0, told_ms));
    }
    return new Map(
      [...running].map(([teller, source]) => {
        const here = { now_ms, local_minutes, nearest: nearest.get(source) ?? null };
        return [teller, followTeller(this.memory.tellers.get(teller), newest.get(teller) ?? 0, here)];
      }),
    );
  }
}

/** Of each teller. A waiting job's is that of its queue. */
function newestReports(jobs: ReportedJobs): Map<string, number> {
  const newest = new Map<string, number>();
  const keep = (sighting: Sighting) => {
    const teller = tellerOf({ sighting });
    if (sighting.told_ms > (newest.get(teller) ?? 0)) newest.set(teller, sighting.told_ms);
  };
  for (const { sighting } of jobs.others()) if (sighting.state !== 'QUEUED') keep(sighting);
  for (const sighting of jobs.completed()) keep(sighting);
  for (const [worker_id, told_ms] of jobs.summed.heard_ms) {
    if (told_ms > (newest.get(worker_id) ?? 0)) newest.set(worker_id, told_ms);
  }
  return newest;
}

/** The reports of all sources; of a single one, as it is. */
function merged(looks: readonly Look[]): ReportedJobs {
  if (looks.length === 1) return looks[0]!.jobs;
  const all = new ReportedJobs();
  for (const { jobs, checked } of looks) {
    for (const { sighting, moved_ms } of jobs.others()) all.add(sighting, checked.name, moved_ms);
    for (const sighting of jobs.completed()) all.add(sighting, checked.name, undefined);
  }
  return all;
}

type Window = { since_ms: number; now_ms: number; tellers: ReadonlyMap<string, Teller> };

function completedSince(jobs: ReportedJobs, { since_ms, now_ms, tellers }: Window): Completed & { ahead: Sighting[] } {
  const completed = { count: jobs.summed.jobs, heard: new Map<string, number>(), ahead: [] as Sighting[] };
  const hear = (worker_id: string, told_ms: number) => {
    const heard_ms = Math.min(now_ms, told_ms + Math.max(0, tellers.get(worker_id)?.off_ms ?? 0));
    if (heard_ms > (completed.heard.get(worker_id) ?? 0)) completed.heard.set(worker_id, heard_ms);
  };
  for (const [worker_id, told_ms] of jobs.summed.heard_ms) hear(worker_id, told_ms);
  for (const sighting of jobs.completed()) {
    const { told_ms, ended_ms, worker_id } = sighting;
    if ((ended_ms ?? told_ms) >= since_ms) completed.count += 1;
    if (isAhead(told_ms, now_ms)) completed.ahead.push(sighting);
    if (worker_id !== null) hear(worker_id, told_ms);
  }
  return completed;
}
