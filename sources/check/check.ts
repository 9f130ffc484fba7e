/**
 * `tmon check`: reads every source, merges their reports of each job, tracks progress, and judges.
 *
 * A log is read on from the end of the previous round; every other source is read completely each round, so that a
 * deleted row disappears from the verdict too. An unreadable source does not hide the others, and keeps its last state
 * meanwhile.
 */
import type { CheckDocument, CheckedSource } from '../../protocol/check.ts';
import { mergeSightings, type Sighting } from '../../protocol/sighting.ts';
import { type Source, SourceError } from '../source.ts';
import { CHECK_DEFAULTS, type CheckOptions, judge, type KnownJob } from './judge.ts';
import { CheckMemory } from './memory.ts';
import { follow, type Track } from './track.ts';

const UNREADABLE_SHOWN_MAX = 10;

/** The state read from a source. */
type SourceReports = { jobs: Map<string, Sighting>; moved_ms: Map<string, number>; position: string | null };

const nothing = (): SourceReports => ({ jobs: new Map(), moved_ms: new Map(), position: null });

export class Check {
  readonly memory: CheckMemory;
  readonly #sources: readonly Source[];
  readonly #options: CheckOptions;
  readonly #logs = new Map<Source, SourceReports>();

  constructor(sources: readonly Source[], options: Partial<CheckOptions> = {}, memory = new CheckMemory()) {
    this.#sources = sources;
    this.#options = { ...CHECK_DEFAULTS, ...options };
    this.memory = memory;
  }

  /** One round. Rejects only if `signal` aborts, or because of a bug. */
  async run(now_ms: number, signal: AbortSignal): Promise<CheckDocument> {
    const read = await Promise.all(this.#sources.map((source) => this.#read(source, now_ms, signal)));
    const merged = new Map<string, { sighting: Sighting; source: string; moved_ms: number | undefined }>();
    for (const { reports, checked } of read) {
      for (const [job_id, sighting] of reports.jobs) {
        const known = merged.get(job_id);
        const newest = known === undefined || sighting.told_ms > known.sighting.told_ms;
        merged.set(job_id, {
          sighting: known === undefined ? sighting : mergeSightings(known.sighting, sighting),
          source: newest ? checked.name : known.source,
          moved_ms: newest ? reports.moved_ms.get(job_id) : known.moved_ms,
        });
      }
    }
    const jobs: KnownJob[] = [...merged].map(([job_id, { sighting, source, moved_ms }]) => ({
      sighting,
      source,
      track: follow(this.memory.tracks.get(job_id), sighting, { now_ms, moved_ms }),
    }));
    const sources = read.map(({ checked }) => checked);
    const kept: [string, Track][] = jobs
      .filter(({ sighting }) => sighting.state === 'PROCESSING')
      .map(({ sighting, track }) => [sighting.job_id, track]);
    const before = sources.every((source) => source.read) ? [] : this.memory.tracks;
    this.memory.tracks = new Map([...before, ...kept]);
    return judge({ jobs, sources, now_ms }, this.#options);
  }

  async #read(
    source: Source,
    now_ms: number,
    signal: AbortSignal,
  ): Promise<{ reports: SourceReports; checked: CheckedSource }> {
    const { reports, ...counted } = await this.#tally(source, now_ms, signal);
    return { reports, checked: { name: source.name, ...counted } };
  }

  async #tally(
    source: Source,
    now_ms: number,
    signal: AbortSignal,
  ): Promise<{ reports: SourceReports } & Omit<CheckedSource, 'name'>> {
    const goesOn = source.appendsOnly === true;
    const reports = (goesOn ? this.#logs.get(source) : undefined) ?? nothing();
    if (goesOn) this.#logs.set(source, reports);
    const recall = this.memory.recall(source.name);
    const since_ms = now_ms - this.#options.since_ms;
    const checked: Omit<CheckedSource, 'name'> = {
      read: false,
      error: null,
      looked_at: 0,
      unreadable_count: 0,
      unreadable: [],
      queue: null,
      alerts: [],
    };
    try {
      const options = { since_ms, from: reports.position, peek: true, recall, signal };
      for await (const reading of source.read(options)) {
        for (const sighting of reading.sightings) keep(reports, sighting, reading.moved_ms?.get(sighting.job_id));
        reports.position = goesOn ? reading.position : null;
        checked.looked_at += reading.looked_at;
        checked.unreadable_count += reading.unreadable.length;
        checked.unreadable.push(...reading.unreadable.slice(0, UNREADABLE_SHOWN_MAX - checked.unreadable.length));
      }
      checked.queue = (await source.depth?.(signal)) ?? null;
      checked.alerts = (await source.alerts?.(signal)) ?? [];
      recall.forget(since_ms);
      forgetBefore(reports, since_ms);
      return { reports, ...checked, read: true };
    } catch (error) {
      if (!(error instanceof SourceError) || signal.aborted) throw error;
      const { kind, message, hint } = error;
      return { reports, ...checked, error: { kind, message, hint: hint ?? null } };
    }
  }
}

function keep(reports: SourceReports, sighting: Sighting, moved_ms: number | undefined): void {
  const { job_id, percentage, stage } = sighting;
  const known = reports.jobs.get(job_id);
  reports.jobs.set(job_id, known === undefined ? sighting : mergeSightings(known, sighting));
  const earlier = reports.moved_ms.get(job_id);
  const stands = known !== undefined && known.percentage === percentage && known.stage === stage;
  const newest = known === undefined || sighting.told_ms >= known.told_ms;
  const moved = stands ? least(earlier, moved_ms) : newest ? moved_ms : earlier;
  if (moved === undefined) reports.moved_ms.delete(job_id);
  else reports.moved_ms.set(job_id, moved);
}

function least(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined ? b : b === undefined ? a : Math.min(a, b);
}

/** Bounds the memory of a log that is followed for months. */
function forgetBefore({ jobs, moved_ms }: SourceReports, since_ms: number): void {
  for (const [job_id, { state, told_ms }] of jobs) {
    if (told_ms >= since_ms || state === 'PROCESSING') continue;
    jobs.delete(job_id);
    moved_ms.delete(job_id);
  }
}
