/** Listings during which jobs move from memory to the archive. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { JobQuery } from '../../../protocol/queue.ts';
import { EVERYBODY } from '../../access/subject.ts';
import { MemoryStore } from '../../objects/memory.ts';
import { TurnedClock } from '../../testing-clock.ts';
import { Outlooks } from '../../verdicts/outlooks.ts';
import { TestMonitor } from '../../views/testing-monitor.ts';
import { listJobs } from './jobs.ts';

async function open(t: TestContext) {
  const clock = new TurnedClock('2026-01-05T08:00:00Z');
  const store = new MemoryStore(clock);
  const settings = { finished_window_ms: 3_600_000, finished_max: 0 };
  const monitor = await TestMonitor.open({ store, clock, settings });
  t.after(() => monitor.stop());
  const { engine } = monitor;
  const outlooks = new Outlooks({ state: () => engine.state, now: () => engine.journal.now(), passes_max: 50 });
  const page = (query: JobQuery) => listJobs({ engine, store, outlooks }, query, EVERYBODY);
  await monitor.register('worker-1');
  let jobs = 0;
  return {
    clock,
    page,
    submit: async () => {
      await monitor.submit(`job-${++jobs}`);
      return `job-${jobs}`;
    },
    finish: (job_id: string) => monitor.do({ type: 'cancel_job', job_id }),
    archive: () => monitor.archive.runOnce(),
  };
}

/** Every further page; `between` runs after each. */
async function walk(
  page: (query: JobQuery) => ReturnType<typeof listJobs>,
  query: JobQuery,
  between: () => Promise<unknown>,
): Promise<string[]> {
  const ids: string[] = [];
  for (let cursor: string | null = null; ; ) {
    const { items, next_cursor } = await page({ ...query, ...(cursor === null ? {} : { cursor }) });
    ids.push(...items.map(({ job_id }) => job_id));
    if (next_cursor === null) return ids;
    cursor = next_cursor;
    await between();
  }
}

test('jobs archived between two pages are listed once, in their place', async (t) => {
  const { page, submit, finish, archive } = await open(t);
  for (let n = 1; n <= 4; n++) await finish(await submit());
  assert.deepEqual(await walk(page, { limit: 2 }, archive), ['job-4', 'job-3', 'job-2', 'job-1']);
});

test('jobs that existed at the first page are listed once, whatever happens between pages', async (t) => {
  for (let seed = 1; seed <= 12; seed++) {
    const { clock, page, submit, finish, archive } = await open(t);
    const float = lcg(seed);
    const pick = (count: number) => Math.floor(float() * count);
    const unfinished: string[] = [];
    const there: string[] = [];
    const act = async () => {
      for (let n = 0; n < 3; n++) {
        const kind = pick(8);
        if (kind < 3) {
          const job_id = await submit();
          there.push(job_id);
          unfinished.push(job_id);
        } else if (kind < 6 && unfinished.length > 0) {
          await finish(unfinished.splice(pick(unfinished.length), 1)[0]!);
        } else if (kind === 6) await archive();
        else await clock.turn(pick(60) * 60_000);
      }
    };
    for (let n = 0; n < 15; n++) await act();
    const before = new Set(there);
    const ids = await walk(page, { limit: 1 + pick(6) }, act);
    assert.equal(new Set(ids).size, ids.length, `seed ${seed}: a job is repeated`);
    assert.deepEqual(
      [...before].filter((job_id) => !ids.includes(job_id)),
      [],
      `seed ${seed}: a job is hidden`,
    );
  }
});

/** Numbers in [0, 1) determined by a seed. */
function lcg(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
