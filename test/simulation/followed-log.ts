/**
 * A log that grows while it is followed: its contents must be in the journal at the end, whichever instances read it
 * and however often.
 */
import { mergeSightings, type Sighting } from '../../protocol/sighting.ts';
import type { Source } from '../../sources/source.ts';
import type { Chance } from './chance.ts';
import type { Faults } from './faults.ts';

const JOBS = 6;

export class FollowedLog {
  readonly url = 'log:/var/log/worker.log';
  readonly #chance: Chance;
  readonly #faults: Faults;
  readonly #lines: Sighting[] = [];
  readonly #jobs = new Map<string, Sighting>();

  constructor(chance: Chance, faults: Faults) {
    this.#chance = chance;
    this.#faults = faults;
  }

  /** One more line about one of a few jobs; a job that has ended is not started again. */
  grow(now_ms: number): void {
    const chance = this.#chance;
    const job_id = `logged-${chance.whole(1, JOBS)}`;
    const last = this.#jobs.get(job_id);
    if (last && last.state !== 'PROCESSING') return;
    const told_ms = now_ms - chance.pick([0, 0, 500, 5_000]);
    const state = last ? chance.pick(['PROCESSING', 'PROCESSING', 'COMPLETED', 'FAILED'] as const) : 'PROCESSING';
    const line: Sighting = {
      job_id,
      state,
      told_ms: Math.max(told_ms, (last?.told_ms ?? 0) + 1),
      worker_id: 'logging-worker',
      started_ms: last ? null : told_ms,
      ended_ms: null,
      percentage: state === 'PROCESSING' && last ? chance.whole(0, 100) : null,
      stage: null,
      audio_duration: last ? null : 60,
      duration: null,
      segments: state === 'COMPLETED' ? 3 : null,
      s3_path: null,
      error: state === 'FAILED' ? 'noise' : null,
    };
    if (state !== 'PROCESSING') line.ended_ms = line.told_ms;
    this.#lines.push(line);
    this.#jobs.set(job_id, last ? mergeSightings(last, line) : line);
  }

  /** The state that results from all lines, by job. */
  get expected(): ReadonlyMap<string, Sighting> {
    return this.#jobs;
  }

  source(): Source {
    const lines = this.#lines;
    const faults = this.#faults;
    return {
      name: this.url,
      appendsOnly: true,
      async *read({ from }) {
        if (faults.strikes('source_fails', 0.2)) throw new Error('no such file');
        const begin = Number(from ?? 0);
        const end = lines.length;
        const byJob = new Map<string, Sighting>();
        for (const line of lines.slice(begin, end)) {
          const known = byJob.get(line.job_id);
          byJob.set(line.job_id, known ? mergeSightings(known, line) : line);
        }
        yield {
          sightings: [...byJob.values()],
          position: String(end),
          unreadable: [],
          looked_at: end - begin,
          async done() {},
        };
      },
      async close() {},
    };
  }
}
