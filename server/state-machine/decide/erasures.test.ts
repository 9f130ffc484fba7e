/** Decisions about erasures, and what the fold forgets by them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NOTHING_KNOWN } from '../../../protocol/sighting.ts';
import type { ArchivedJob } from '../state/records.ts';
import { restore, snapshotRows } from '../state/snapshot.ts';
import { forgetJobs, Monitor, observation, typesOf } from '../testing.ts';

const MARKER = 'mkrQ7x';

function erase(monitor: Monitor, job_id: string, archived: ArchivedJob | null = null) {
  const jobs = [{ job_id, archived }];
  return monitor.run({ type: 'erase_jobs', jobs, read_seq: monitor.state.seq, by: 'key:k', reason: 'request' });
}

const rowsOf = (monitor: Monitor): string => [...snapshotRows(monitor.state)].join('\n');

test('an erased job leaves the fold with its notification and the trouble of its webhook', () => {
  const monitor = new Monitor();
  const lease = monitor.claimed('job-1', {
    audio_url: `s3://a/${MARKER}`,
    tags: [MARKER],
    webhook_url: `https://${MARKER}.example.com/`,
  });
  monitor.fail(lease, { message: MARKER, retryable: false });
  const [notice_id] = [...monitor.state.tables.notices.keys()];
  monitor.run({ type: 'claim_notices', notice_ids: [notice_id!], by: 's' });
  const failure = { error: MARKER, permanent: false, unreachable: true, retry_after_ms: null, jitter: 0 };
  monitor.run({ type: 'fail_notice', notice_id: notice_id!, by: 's', ...failure });
  assert.equal(monitor.state.tables.troubles.size, 1);
  assert.ok(rowsOf(monitor).includes(MARKER));
  assert.deepEqual(typesOf(erase(monitor, 'job-1')), ['JobErased']);
  assert.ok(!rowsOf(monitor).includes(MARKER), rowsOf(monitor));
  assert.equal(monitor.state.tables.notices_waiting.size, 0);
  assert.deepEqual(rowsOf(monitor), [...snapshotRows(restore(snapshotRows(monitor.state)))].join('\n'));
});

test('a job that waits is cancelled and erased; one that a worker holds is refused', () => {
  const monitor = new Monitor();
  monitor.submit('job-1');
  assert.deepEqual(typesOf(erase(monitor, 'job-1')), ['JobCancelled', 'JobErased']);
  const lease = monitor.claimed('job-2');
  assert.equal(erase(monitor, 'job-2').refusal?.code, 'job_running');
  monitor.run({ type: 'cancel_job', job_id: 'job-2' });
  assert.equal(erase(monitor, 'job-2').refusal?.code, 'job_running', 'its worker has not stopped');
  monitor.fail(lease);
  assert.deepEqual(typesOf(erase(monitor, 'job-2')), ['JobErased']);
  assert.equal(erase(monitor, 'job-3').refusal?.code, 'job_not_found');
});

test('an erasure that is repeated has no effect, and the sums of the job stay', () => {
  const monitor = new Monitor();
  monitor.register('worker-1', 0.36);
  const lease = monitor.claimed('job-1');
  monitor.later(3_600_000).complete(lease);
  const { days } = monitor.state.tables;
  const sums = [...days.values()].map(({ version: _, ...sum }) => sum);
  assert.equal(sums[0]?.cost_usd, 0.36);
  erase(monitor, 'job-1');
  assert.deepEqual(
    [...monitor.state.tables.days.values()].map(({ version: _, ...sum }) => sum),
    sums,
  );
  assert.deepEqual(typesOf(erase(monitor, 'job-1')), []);
});

test('an archived job is outdated in its pack, and its row in the column files is a stray', () => {
  const monitor = new Monitor();
  monitor.complete(monitor.claimed('job-1'));
  const job = monitor.job();
  const forgetting = forgetJobs([job], monitor.at_ms);
  monitor.run(forgetting);
  const [{ pack }] = forgetting.packs as [(typeof forgetting.packs)[0]];
  const files = [{ name: 'f', day: 1, rows: 1, sha256: { job_states: 'f', job_attempts: 'f' } }];
  const basis_seq = monitor.state.scalars.archive_seq;
  const command = { packs: [pack.key], files, replaces: [], strays: [] };
  monitor.run({ type: 'write_columns', basis_seq, made_ms: monitor.at_ms, ...command });
  assert.equal(erase(monitor, 'job-1', null).refusal?.code, 'job_not_found');
  assert.deepEqual(typesOf(erase(monitor, 'job-1', { job, pack: pack.key })), ['JobErased']);
  const { packs, column_strays, packed_recently } = monitor.state.tables;
  assert.deepEqual(packs.get(pack.key)?.stale, ['job-1']);
  assert.equal(column_strays.size, 1);
  assert.equal(packed_recently.size, 0);
  assert.equal(monitor.state.scalars.archived_jobs, 0);
  monitor.run({ type: 'drop_packs', packs: [pack.key] });
  assert.equal(monitor.state.tables.packs.size, 0);
});

test('a source does not bring an erased job back, also once the erasure has ended', () => {
  const monitor = new Monitor();
  const sighting = { ...NOTHING_KNOWN, job_id: 'job-1', state: 'FAILED' as const, told_ms: monitor.at_ms };
  monitor.run(observation('log:/a', [sighting]));
  erase(monitor, 'job-1');
  const again = () => monitor.run(observation('log:/a', [{ ...sighting, told_ms: monitor.at_ms + 5, error: 'x' }]));
  assert.deepEqual(typesOf(again()), []);
  monitor.run({ type: 'advance_erasures', job_ids: ['job-1'], stage: 'ended' });
  assert.deepEqual(typesOf(again()), []);
  assert.equal(monitor.state.job('job-1'), undefined);
});

test('the record of an erasure is forgotten at its end, and no stage goes back', () => {
  const monitor = new Monitor();
  monitor.submit('job-1');
  erase(monitor, 'job-1');
  monitor.run({ type: 'advance_erasures', job_ids: ['job-1'], stage: 'swept' });
  assert.deepEqual(typesOf(monitor.run({ type: 'advance_erasures', job_ids: ['job-1'], stage: 'cleaned' })), []);
  assert.equal(monitor.state.tables.erasures.get('job-1')?.stage, 'swept');
  monitor.run({ type: 'advance_erasures', job_ids: ['job-1'], stage: 'ended' });
  assert.equal(monitor.state.tables.erasures.size, 0);
});

test('what is said of a suspended worker has the code of an error, not its words', () => {
  const monitor = new Monitor();
  for (const job_id of ['job-1', 'job-2', 'job-3']) {
    monitor.fail(monitor.claimed(job_id), { message: MARKER, code: 'gpu_unavailable', fault: 'worker' });
  }
  assert.ok(!JSON.stringify(monitor.worker()).includes(MARKER));
});
