/**
 * What requirements cost: claims of a worker that can do one kind of 50, beside 100,000 waiting jobs of all kinds, against
 * claims beside as many jobs that require nothing, in alternating rounds.
 *
 *     node bench/parts/routing.ts [--jobs 100000] [--kinds 50] [--rounds 5]
 */
import { parseArgs } from 'node:util';
import type { State } from '../../server/state-machine/state/state.ts';
import { Monitor } from '../../server/state-machine/testing.ts';
import { median, quantile } from '../statistics.ts';

const text = { type: 'string' } as const;
const { values } = parseArgs({ options: { jobs: text, kinds: text, rounds: text } });
const [jobs, kinds, rounds] = [Number(values.jobs ?? 100_000), Number(values.kinds ?? 50), Number(values.rounds ?? 5)];
const CLAIMS = 1_000;
const BATCH = 1_000;

function filled(of: number): State {
  const monitor = new Monitor();
  for (let n = 0; n < jobs; n += BATCH) {
    const batch = Array.from({ length: BATCH }, (_, i) => {
      const options = of === 0 ? {} : { options: { model: `model-${(n + i) % of}` } };
      return { job_id: `job-${n + i}`, audio_url: 's3://bucket/a.mp3', ...options };
    });
    monitor.run({ type: 'submit_jobs', jobs: batch });
  }
  const registration = { capabilities: of === 0 ? {} : { model: `model-${of - 1}` }, location: {} };
  monitor.run({ type: 'register_worker', worker_id: 'worker', registration });
  return monitor.state;
}

/** Microseconds of each claim, decided and applied. */
function claimsOn(state: State): number[] {
  const monitor = new Monitor();
  monitor.state = state.clone();
  return Array.from({ length: CLAIMS }, (_, n) => {
    const began_ms = performance.now();
    const claim = { type: 'claim_jobs', worker_id: 'worker', max_jobs: 1, secret: `s${n}` } as const;
    const [event] = monitor.run(claim, { id: `claim-${n}` }).events;
    const took_us = 1_000 * (performance.now() - began_ms);
    if (event?.type !== 'JobAssigned') throw new Error('the worker got nothing');
    const lease_token = event.data.token!;
    const output = { s3_path: 's3://t', segments_count: 1 };
    const completion = { type: 'complete_job', job_id: event.entity, lease_token, output } as const;
    monitor.run(completion, { id: `complete-${n}` });
    return took_us;
  });
}

const states = [filled(0), filled(kinds)];
for (const state of states) claimsOn(state);
const p99s: number[][] = [[], []];
const p50s: number[][] = [[], []];
for (let round = 0; round < rounds; round++) {
  for (const which of round % 2 === 0 ? [0, 1] : [1, 0]) {
    const times = claimsOn(states[which]!);
    p50s[which]!.push(quantile(times, 0.5));
    p99s[which]!.push(quantile(times, 0.99));
  }
}
const ratio = (of: number[][]) => median(of[1]!.map((us, n) => us / of[0]![n]!)).toFixed(2);
console.log(
  `${jobs} jobs wait; a claim without requirements: median ${median(p50s[0]!).toFixed(0)} µs, p99 ${median(p99s[0]!).toFixed(0)} µs; ` +
    `of ${kinds} kinds: median ${median(p50s[1]!).toFixed(0)} µs (${ratio(p50s)}), p99 ${median(p99s[1]!).toFixed(0)} µs (${ratio(p99s)})`,
);
