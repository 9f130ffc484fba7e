/**
 * Lists whose filter few jobs match, at growing numbers of waiting jobs: with blocks, and by looking at every job, in
 * alternating rounds. Milliseconds of a page, its longest turn, and the bytes of the blocks.
 *
 *     node bench/parts/lists.ts [--jobs 10000,100000,1000000] [--rounds 5]
 */
import { parseArgs } from 'node:util';
import type { JobQuery } from '../../protocol/queue.ts';
import { selectInTurns } from '../../server/api/endpoints/bulk-command.ts';
import { matcherOf, NEWEST, pageOfJobs } from '../../server/api/endpoints/listing.ts';
import type { State } from '../../server/state-machine/state/state.ts';
import { Monitor } from '../../server/state-machine/testing.ts';
import { median } from '../statistics.ts';

const text = { type: 'string' } as const;
const { values } = parseArgs({ options: { jobs: text, rounds: text } });
const sizes = (values.jobs ?? '10000,100000,1000000').split(',').map(Number);
const rounds = Number(values.rounds ?? 5);
const BATCH = 1_000;

function filled(jobs: number): State {
  const monitor = new Monitor();
  for (let n = 0; n < jobs; n += BATCH) {
    const batch = Array.from({ length: BATCH }, (_, i) => {
      const id = (BigInt(n + i + 1) * 0x9e3779b97f4a7c15n) & 0xffffffffffffffffn;
      return {
        job_id: `01K${id.toString(32).padStart(13, '0')}`,
        audio_url: `s3://recordings/2026/11/28/call-${n + i}.mp3`,
        tags: ['calls', `customer-${(n + i) % 997}`],
        metadata: { campaign: `autumn-${(n + i) % 31}` },
      };
    });
    monitor.run({ type: 'submit_jobs', jobs: batch });
    monitor.later(1_000);
  }
  return monitor.state;
}

/** Looks at every job, as a list did before there were blocks. */
function everyJob(state: State, query: JobQuery): number {
  const matcher = matcherOf(query, null);
  let count = 0;
  for (const [, job_id] of state.tables.jobs_by_creation.entriesReversed()) {
    if (matcher.test(state.job(job_id)!)) count += 1;
    if (count === 100) break;
  }
  return count;
}

for (const size of sizes) {
  const state = filled(size);
  const newest = new Date(state.at_ms + 1).toISOString();
  const queries: [string, JobQuery][] = [
    ['q, no match', { q: 'no-such-recording' }],
    ['q, one match', { q: `call-${Math.floor(size / 3)}.mp3` }],
    ['tag, no match', { tag: 'customer-none' }],
    ['tag, 1 of 1,000', { tag: 'customer-123' }],
    ['created_after now', { created_after: newest }],
    ['priority=high', { priority: 'high' }],
    ['error_code', { error_code: 'gpu_lost' }],
  ];
  for (const [name, query] of queries) {
    const page = () => pageOfJobs(state, { ...query, scope: null }, NEWEST, 100);
    const began_ms = performance.now();
    const { jobs } = await page();
    const first_ms = performance.now() - began_ms;
    const [with_ms, without_ms]: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      const timed = async (times: number[], work: () => unknown) => {
        const from_ms = performance.now();
        await work();
        times.push(performance.now() - from_ms);
      };
      await timed(with_ms, page);
      await timed(without_ms, () => everyJob(state, query));
    }
    console.log(
      `${size} jobs, ${name}: ${jobs.length} found, the first time ${first_ms.toFixed(1)} ms, then ${median(with_ms).toFixed(2)} ms; ` +
        `every job ${median(without_ms).toFixed(2)} ms`,
    );
  }
  const purge = { type: 'purge_queue', queue: 'main', filter: { tag: 'customer-none' } } as const;
  const from_ms = performance.now();
  await selectInTurns(state, purge);
  console.log(`${size} jobs, a purge that matches nothing: ${(performance.now() - from_ms).toFixed(2)} ms`);
}
