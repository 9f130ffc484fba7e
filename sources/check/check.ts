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
    const reported = merged(looks);
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
    return judge({ jobs, sources: looks, now_ms }, this.#options);
  }

  /** Of the jobs that have not ended, and of what else their workers reported. */
  #followTellers(all: readonly Merged[], looks: readonly Look[], now_ms: number): Map<string, Teller> {
    const sources = new Set(looks.filter(({ evidence }) => evidence.without_zone).map(({ checked }) => checked.name));
    const jobs = all.filter(({ source }) => sources.has(source));
    const local_minutes = this.#options.local_minutes ?? offsetInZone(now_ms, 'local');
    const newest = new Map<string, number>();
    for (const job of jobs) {
      const teller = tellerOf(job);
      newest.set(teller, Math.max(newest.get(teller) ?? 0, job.sighting.told_ms));
    }
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

function merged(looks: readonly Look[]): Merged[] {
  const jobs = new Map<string, Merged>();
  for (const { jobs: told, moved_ms, checked } of looks) {
    for (const [job_id, sighting] of told) {
      const known = jobs.get(job_id);
      const newest = known === undefined || sighting.told_ms > known.sighting.told_ms;
      jobs.set(job_id, {
        sighting: known === undefined ? sighting : mergeSightings(known.sighting, sighting),
        source: newest ? checked.name : known.source,
        moved_ms: newest ? moved_ms.get(job_id) : known.moved_ms,
      });
    }
  }
  return [...jobs.values()];
}
