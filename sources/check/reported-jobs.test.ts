import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SIGHTED_STATES } from '../../protocol/sighted-state.ts';
import { hasEnded, mergeSightings, NOTHING_KNOWN, type Sighting } from '../../protocol/sighting.ts';
import { Chance } from '../../test/simulation/chance.ts';
import { ReportedJobs } from './reported-jobs.ts';

const BEGIN_MS = Date.UTC(2026, 0, 1);

function sightingBy(chance: Chance): Sighting {
  const job = chance.whole(0, 40);
  const state = chance.pick(SIGHTED_STATES);
  const told_ms = BEGIN_MS + chance.whole(0, 100) * 60_000;
  const started_ms = chance.happens(0.7) ? told_ms - chance.whole(0, 30) * 60_000 : null;
  const sighting: Sighting = {
    ...NOTHING_KNOWN,
    job_id: `job-${job}`,
    state,
    told_ms,
    started_ms,
    worker_id: chance.happens(0.8) ? `worker-${chance.whole(0, 3)}` : null,
    percentage: state === 'PROCESSING' ? chance.whole(0, 100) : null,
    error: state === 'FAILED' ? 'boom' : null,
    ...(job % 2 === 0 ? { reported_id: `${job}.mp3` } : {}),
  };
  if (hasEnded(sighting)) sighting.ended_ms = chance.happens(0.8) ? told_ms : null;
  return sighting;
}

/** Of a completed job, what is kept. */
const kept = ({ job_id, reported_id, state, told_ms, started_ms, ended_ms, worker_id, percentage, error }: Sighting) =>
  state === 'COMPLETED'
    ? { job_id, reported_id, state, told_ms, started_ms, ended_ms, worker_id }
    : { job_id, reported_id, state, told_ms, started_ms, ended_ms, worker_id, percentage, error };

test('jobs are merged as sightings are, completed ones too', () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const chance = new Chance(seed);
    const jobs = new ReportedJobs();
    const expected = new Map<string, Sighting>();
    for (let n = 0; n < 300; n += 1) {
      const sighting = sightingBy(chance);
      const known = expected.get(sighting.job_id);
      const all = known === undefined ? sighting : mergeSightings(known, sighting);
      // A completed job keeps nothing of its progress for an attempt after it.
      expected.set(sighting.job_id, all.state === 'COMPLETED' ? ({ ...NOTHING_KNOWN, ...kept(all) } as Sighting) : all);
      jobs.add(sighting, 'test:', undefined);
    }
    const found = [...Array.from(jobs.others(), ({ sighting }) => sighting), ...jobs.completed()];
    const byId = (a: Sighting, b: Sighting) => (a.job_id < b.job_id ? -1 : 1);
    assert.deepEqual(found.sort(byId).map(kept), [...expected.values()].sort(byId).map(kept), `seed ${seed}`);
    assert.equal(jobs.size, expected.size);
    const since_ms = BEGIN_MS + 50 * 60_000;
    jobs.forgetBefore(since_ms);
    const left = [...expected.values()].filter((one) => one.told_ms >= since_ms || !hasEnded(one));
    assert.equal(jobs.size, left.length, `seed ${seed}`);
  }
});

test('the names of workers are kept only as long as their jobs', () => {
  const jobs = new ReportedJobs();
  for (let day = 0; day < 50; day += 1) {
    for (let n = 0; n < 20; n += 1) {
      const worker_id = `worker-${day}-${n % 10}`;
      const told_ms = day * 1000;
      jobs.add(
        { ...NOTHING_KNOWN, job_id: `job-${day}-${n}`, state: 'COMPLETED', told_ms, worker_id },
        'log:',
        undefined,
      );
    }
    jobs.forgetBefore(day * 1000);
  }
  assert.equal(jobs.size, 20);
  assert.ok(jobs.worker_names <= 20, `${jobs.worker_names}`);
  assert.deepEqual(
    [...jobs.completed()].map(({ job_id, worker_id }) => [job_id, worker_id]).sort(),
    Array.from({ length: 20 }, (_, n) => [`job-49-${n}`, `worker-49-${n % 10}`]).sort(),
  );
});
