/** A search that skips blocks finds what a look at every job finds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomOf } from '../../../test/random.ts';
import { beginSegment } from '../apply/apply.ts';
import { type JobCriteria, JobMatcher } from '../decide/match.ts';
import { selectJobs } from '../decide/queues.ts';
import { Monitor } from '../testing.ts';
import { BLOCK_JOBS } from './job-blocks.ts';
import { searchNewestFirst, searchOldestFirst } from './job-search.ts';
import type { State } from './state.ts';

const WORDS = ['berlin', 'Übersetzung', 'a', '日本語の', 'x-y_z', 'invoice 2025', 'BERLIN'];

/** The criteria of the checks: words that many, few or no jobs have. */
function criteriaOf(random: () => number, state: State): JobCriteria {
  const pick = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)]!;
  const one = pick([...state.tables.jobs.values()].slice(0, 50));
  const part = (text: string) => {
    const from = Math.floor(random() * text.length);
    return text.slice(from, from + 1 + Math.floor(random() * 8));
  };
  return pick<() => JobCriteria>([
    () => ({ q: part(pick(WORDS)) }),
    () => ({ q: one ? part(one.job_id) : 'no' }),
    () => ({ q: 'nothing has this' }),
    () => ({ tag: pick([...WORDS, 'none']) }),
    () => ({ priority: pick(['high', 'normal', 'low'] as const), q: 'mp3' }),
    () => ({ error_code: pick(['gpu_lost', 'audio_unreadable', 'none']) }),
    () => ({ tenant: pick(['default', 'acme', 'none']) }),
    () => ({ created_after_ms: one ? one.created_ms : 0, tag: 'a' }),
    () => ({ created_before_ms: one ? one.created_ms : 0 }),
  ])();
}

function check(state: State, criteria: JobCriteria): number {
  const matcher = new JobMatcher(criteria);
  const table = state.tables.jobs_by_creation;
  const found = (ids: Iterable<string | null>) =>
    [...ids].filter((id): id is string => id !== null && matcher.test(state.job(id)!));
  const all = [...table.values()].filter((id) => matcher.test(state.job(id)!));
  const what = JSON.stringify(criteria);
  assert.deepEqual(found(searchOldestFirst(state, table, matcher.sought())), all, what);
  const before = (table.maxKey() ?? 0) + 1;
  assert.deepEqual(found(searchNewestFirst(state, table, matcher.sought(), before)), all.toReversed(), what);
  return all.length;
}

test('whatever is submitted, fails and leaves, in the present state and in an older copy', () => {
  const random = randomOf(20_261_128);
  const pick = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)]!;
  const monitor = new Monitor({ retry_base_ms: 0, elsewhere_ms: 0 });
  monitor.register('worker');
  let [jobs, matches] = [0, 0];
  let older = monitor.state.clone();
  for (let step = 0; step < 300; step++) {
    const batch = Array.from({ length: Math.floor(random() * 40) }, () => {
      jobs += 1;
      return {
        job_id: `job-${jobs}-${Math.floor(random() * 1e9).toString(36)}`,
        audio_url: `s3://bucket/${pick(WORDS)}/${jobs}.mp3`,
        priority: pick(['high', 'normal', 'normal', 'low'] as const),
        tags: [pick(WORDS)],
        metadata: { [pick(WORDS)]: pick(WORDS) },
        ...(random() < 0.1 ? { tenant: 'acme' } : {}),
      };
    });
    if (batch.length > 0) monitor.run({ type: 'submit_jobs', jobs: batch });
    monitor.later(1_000);
    for (const lease of monitor.claim('worker', 3)) {
      monitor.fail(lease, {
        code: pick(['gpu_lost', 'audio_unreadable']),
        message: pick(WORDS),
        retryable: random() < 0.5,
      });
    }
    if (random() < 0.05) {
      const old = [...monitor.state.tables.jobs_by_creation.entries()].slice(0, 300);
      const next = monitor.state.clone();
      for (const [, id] of old) next.removeJob(id);
      monitor.state = next;
    }
    if (random() < 0.1) older = monitor.state.clone();
    for (const state of [monitor.state, older]) matches += check(state, criteriaOf(random, state));
  }
  assert.ok(jobs > 10 * BLOCK_JOBS && matches > 1_000, `${jobs} jobs, ${matches} matches`);
});

test('a purge selects the same', () => {
  const monitor = new Monitor();
  for (let n = 0; n < 1_000; n++) monitor.submit(`job-${n}`, { tags: n % 400 === 7 ? ['rare'] : ['common'] });
  const selected = (filter: object) =>
    selectJobs(monitor.state, { type: 'purge_queue', queue: 'main', filter }).map(({ job_id }) => job_id);
  assert.deepEqual(selected({ tag: 'rare' }), ['job-7', 'job-407', 'job-807']);
  assert.deepEqual(selected({ tag: 'none' }), []);
  assert.equal(selected({}).length, 1_000);
});

test('what a search in a draft has read is forgotten with the draft', () => {
  const monitor = new Monitor({ retry_base_ms: 0 });
  monitor.register('worker');
  for (let n = 0; n < 3 * BLOCK_JOBS; n++) monitor.submit(`job-${n}`);
  monitor.fail(monitor.claim('worker')[0]!, { code: 'gpu_lost', retryable: true });
  const found = (state: State, error_code: string) => check(state, { error_code });
  monitor.submit('later');
  const before = monitor.state;
  // Another draft of the next segment, in which the job fails otherwise, and which is looked through.
  const draft = before.clone();
  beginSegment(draft, before.seq + 1, monitor.at_ms);
  const failed = [...draft.tables.jobs.values()].find(({ last_error }) => last_error !== null)!;
  draft.putJob({ ...failed, last_error: { ...failed.last_error!, code: 'audio_unreadable' } });
  assert.deepEqual([found(draft, 'audio_unreadable'), found(draft, 'gpu_lost')], [1, 0]);
  // The segment that is kept changes something else.
  monitor.submit('last');
  assert.equal(monitor.state.seq, draft.seq);
  assert.deepEqual([found(monitor.state, 'audio_unreadable'), found(monitor.state, 'gpu_lost')], [0, 1]);
  monitor.submit('very last');
  assert.deepEqual([found(monitor.state, 'audio_unreadable'), found(monitor.state, 'gpu_lost')], [0, 1]);
});

test('a block that a draft has emptied is read anew, by states that know whether it has changed', () => {
  const monitor = new Monitor({ retry_base_ms: 0 });
  monitor.register('worker');
  for (let n = 0; n < 3 * BLOCK_JOBS; n++) monitor.submit(`job-${n}`);
  const older = monitor.state.clone();
  monitor.fail(monitor.claim('worker')[0]!, { code: 'gpu_lost', retryable: true });
  const draft = monitor.state.clone();
  beginSegment(draft, monitor.state.seq + 1, monitor.at_ms);
  for (const id of [...draft.tables.jobs.keys()]) draft.removeJob(id);
  assert.equal(check(older, { error_code: 'gpu_lost' }), 0);
  monitor.submit('last');
  monitor.submit('very last');
  assert.equal(check(monitor.state, { error_code: 'gpu_lost' }), 1);
});
