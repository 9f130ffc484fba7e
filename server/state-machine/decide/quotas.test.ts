/** What a tenant, or a key, may submit and upload a day. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseTime } from '../../../protocol/time.ts';
import type { Limits } from '../state/limits.ts';
import { NO_LIMITS } from '../state/limits.ts';
import { restore, snapshotRows } from '../state/snapshot.ts';
import { usageNameOf } from '../state/usage.ts';
import { Monitor } from '../testing.ts';

function limited(limits: Partial<Limits>): Monitor {
  const monitor = new Monitor();
  monitor.run({ type: 'set_tenant', tenant: 'acme', weight: 1, limits: { ...NO_LIMITS, ...limits }, by: 'test' });
  return monitor;
}

let count = 0;
function submit(
  monitor: Monitor,
  jobs: number,
  { hours = 0, tenant = 'acme', by = undefined as string | undefined } = {},
) {
  const job = { audio_url: 's3://a/b.wav', ...(hours > 0 ? { duration_seconds: hours * 3600 } : {}), tenant };
  const named = Array.from({ length: jobs }, () => ({ ...job, job_id: `job-${count++}` }));
  return monitor.run({ type: 'submit_jobs', jobs: named, ...(by === undefined ? {} : { submitted_by: by }) });
}

test('beyond the jobs of a day a batch is refused as a whole, until the day is over', () => {
  const monitor = limited({ jobs_per_day: 5 });
  assert.equal(submit(monitor, 4).refusal, undefined);
  const { refusal, events } = submit(monitor, 2);
  assert.deepEqual([refusal?.kind, refusal?.code, events.length], ['busy', 'quota_exceeded', 0]);
  assert.deepEqual(
    { ...refusal?.extra },
    { quota: 'jobs_per_day', of: 'tenant', limit: 5, used: 4, asked: 2, resets_in_seconds: 16_200 },
  );
  assert.equal(monitor.at_ms + 1000 * refusal!.retry_after_seconds!, parseTime('2025-07-08T00:00:00Z'));
  assert.equal(submit(monitor, 1).refusal, undefined);
  assert.equal(submit(monitor, 9, { tenant: 'other' }).refusal, undefined);
  monitor.later(1000 * refusal!.retry_after_seconds!);
  assert.equal(submit(monitor, 5).refusal, undefined);
  assert.equal(submit(monitor, 1).refusal?.code, 'quota_exceeded');
});

test('a recording counts with the greatest length that was known of it, also one that its worker finds out', () => {
  const monitor = limited({ audio_hours_per_day: 3 });
  monitor.register('w');
  submit(monitor, 1, { hours: 1 });
  submit(monitor, 1);
  const [known, unknown] = monitor.claim('w', 2);
  monitor.progress(known!, 5, { duration_seconds: 1800 });
  monitor.progress(unknown!, 5, { duration_seconds: 3600 });
  monitor.progress(unknown!, 6, { duration_seconds: 3600 });
  assert.equal(monitor.state.tables.usage.get(usageNameOf('tenant', 'acme'))?.audio_ms, 2 * 3_600_000);
  assert.equal(submit(monitor, 2, { hours: 0.75 }).refusal?.extra?.quota, 'audio_hours_per_day');
  assert.equal(submit(monitor, 1, { hours: 1 }).refusal, undefined);
  assert.equal(submit(monitor, 1).refusal?.extra?.quota, 'audio_hours_per_day');
});

test('bytes are counted once an upload is stored, and one too large for the rest of the day is refused', () => {
  const monitor = limited({ upload_bytes_per_day: 100 });
  const upload = (upload_bytes: number) =>
    monitor.run({ type: 'count_upload', upload_id: `upload-${count++}`, upload_bytes, tenant: 'acme' }).refusal?.code;
  assert.deepEqual(
    [upload(60), upload(41), upload(40), upload(1)],
    [undefined, 'quota_exceeded', undefined, 'quota_exceeded'],
  );
});

test('a key has quotas of its own, which hold after a restart', () => {
  const monitor = limited({});
  const key = { type: 'create_key', role: 'submit', name: '', tags: null, worker_id: null, tenant: 'acme' } as const;
  const limits = { ...NO_LIMITS, jobs_per_day: 2 };
  monitor.run({ ...key, key_id: 'k', limits, expires_ms: null, secret_hash: 'h', by: 't', outside_admin: true });
  submit(monitor, 2, { by: 'key:k' });
  monitor.state = restore(snapshotRows(monitor.state));
  assert.equal(submit(monitor, 1, { by: 'key:k' }).refusal?.extra?.of, 'key');
  assert.equal(submit(monitor, 1, { by: 'key:other' }).refusal, undefined);
});
