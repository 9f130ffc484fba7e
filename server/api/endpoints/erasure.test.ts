/** Erasure and retention over HTTP. */
import assert from 'node:assert/strict';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { HOUR_MS } from '../../../protocol/time.ts';
import { JumpingClock } from '../../../test/servers/jumping-clock.ts';
import { ADMIN_KEY, openMonitor } from '../../../test/servers/monitor.ts';
import { complete, hold, submit, TRANSCRIPT } from '../../../test/servers/steps.ts';
import { hashOfKey } from '../../access/secrets.ts';

const clock = new JumpingClock();
const folder = await mkdtemp(join(tmpdir(), 'tmon-retention-'));
const retention_file = join(folder, 'retention.yaml');
await writeFile(retention_file, 'default: 400d\ntags:\n  call-center: 30d\n  legal: never\n');
const opened = await openMonitor(
  { after },
  { clock, admin_key_hash: hashOfKey(ADMIN_KEY), retention_file, finished_window_ms: HOUR_MS },
);
const monitor = opened.withKey(ADMIN_KEY);
const keyOf = async (creation: object) => monitor.withKey((await monitor.post('/keys', creation)).body.key);
const codeOf = ({ status, body }: { status: number; body: { code: string } }) => [status, body.code];

test('a job that waits is erased at once: 404 job_erased from then on, and the audit says by whom', async () => {
  const { job_id } = await submit(monitor, { tags: ['x'] });
  const erased = await monitor.delete(`/jobs/${job_id}?purge=true`);
  assert.equal(erased.status, 200);
  const { stage, reason, erased_by, erased_at, journal_until, not_deleted } = erased.body;
  assert.deepEqual([stage, reason, erased_by], ['erased', 'request', 'key:admin000000']);
  assert.ok(Date.parse(journal_until) - Date.parse(erased_at) >= opened.settings.retention_ms);
  assert.deepEqual(not_deleted, ['s3://audio/file.mp3']);
  for (const path of ['', '/timeline', '/progress', '/transcript']) {
    assert.deepEqual(codeOf(await monitor.get(`/jobs/${job_id}${path}`)), [404, 'job_erased'], path);
  }
  const again = await monitor.delete(`/jobs/${job_id}?purge=true`);
  assert.deepEqual([again.status, again.body.erased_at], [200, erased_at]);
  const { body } = await monitor.get(`/audit?entity=${job_id}&event=JobErased`);
  assert.deepEqual(
    body.items.map(({ actor, at }: { actor: string; at: string }) => [actor, at]),
    [['key:admin000000', erased_at]],
  );
});

test('a job that a worker holds is refused with 409 job_running, and erased once it was cancelled and its worker has stopped', async () => {
  const held = await hold(monitor);
  const refused = await monitor.delete(`/jobs/${held.id}?purge=true`);
  assert.deepEqual(codeOf(refused), [409, 'job_running']);
  assert.match(refused.body.hint, /tmon cancel/);
  await monitor.delete(`/jobs/${held.id}`);
  await monitor.post(`/jobs/${held.id}/fail`, {
    lease_token: held.token,
    error: { code: 'cancelled', message: '', retryable: false },
  });
  assert.equal((await monitor.delete(`/jobs/${held.id}?purge=true`)).status, 200);
});

test('a transcript and an upload are deleted from the store', async () => {
  const upload = (await monitor.post('/uploads?name=call.wav', 'audio', { 'content-type': 'audio/wav' })).body;
  const held = await hold(monitor, { audio_url: upload.audio_url });
  const stored = await monitor.put(`/jobs/${held.id}/transcript`, TRANSCRIPT, { 'lease-token': held.token });
  await monitor.post(`/jobs/${held.id}/complete`, {
    lease_token: held.token,
    output: { s3_path: stored.body.s3_path, segments_count: 2 },
  });
  const { body } = await monitor.delete(`/jobs/${held.id}?purge=true`);
  assert.deepEqual(body.not_deleted, []);
  // The duty looks every ten seconds.
  for (let seconds = 0; seconds < 60; seconds += 10) await clock.pass(10_000);
  const erasure = await monitor.delete(`/jobs/${held.id}?purge=true`);
  assert.equal(erasure.body.stage, 'cleaned');
  assert.equal((await opened.store.get(`transcripts/${held.id}.json`)).found, false);
  assert.deepEqual(codeOf(await monitor.get(`/uploads/${upload.upload_id}`)), [404, 'upload_not_found']);
});

test('a narrowed key erases its own jobs; others, and erased ones, do not exist for it', async () => {
  const app = await keyOf({ role: 'submit' });
  const own = await submit(app);
  const other = await submit(monitor);
  assert.deepEqual(codeOf(await app.delete(`/jobs/${other.job_id}?purge=true`)), [404, 'job_not_found']);
  assert.equal((await app.delete(`/jobs/${own.job_id}?purge=true`)).status, 200);
  assert.deepEqual(codeOf(await app.get(`/jobs/${own.job_id}`)), [404, 'job_not_found']);
  assert.deepEqual(codeOf(await app.post('/jobs/erase', { filter: { tag: 'x' } })), [403, 'role_not_allowed']);
  const reader = await keyOf({ role: 'read' });
  assert.deepEqual(codeOf(await reader.delete(`/jobs/${other.job_id}?purge=true`)), [403, 'role_not_allowed']);
});

test('the jobs of a tag are erased page by page, in memory and in the archive, except those that workers hold', async () => {
  const tags = ['page'];
  const ended = await complete(monitor, await hold(monitor, { tags }));
  clock.jump(2 * HOUR_MS);
  await monitor.until('/jobs?tag=page', ({ items }) => items.length === 1);
  for (let tries = 0; tries < 30 && (await inArchive()) === 0; tries += 1) await clock.pass(10_000);
  const running = await hold(monitor, { tags });
  const waiting = [await submit(monitor, { tags }), await submit(monitor, { tags })];
  const rest = await submit(monitor, { tags: ['other'] });

  const all = async (dry_run: boolean) => {
    const found: { job_ids: string[]; running_ids: string[] } = { job_ids: [], running_ids: [] };
    let cursor: string | undefined;
    do {
      const { status, body } = await monitor.post('/jobs/erase', {
        filter: { tag: 'page' },
        dry_run,
        limit: 1,
        cursor,
      });
      assert.equal(status, 200);
      found.job_ids.push(...body.job_ids);
      found.running_ids.push(...body.running_ids);
      cursor = body.next_cursor ?? undefined;
    } while (cursor !== undefined);
    return { job_ids: found.job_ids.sort(), running_ids: found.running_ids };
  };
  const expected = {
    job_ids: [ended, ...waiting].map(({ job_id }) => job_id).sort(),
    running_ids: [running.id],
  };
  assert.deepEqual(await all(true), expected);
  assert.equal((await monitor.get('/jobs?tag=page')).body.items.length, 4, 'a dry run changes nothing');
  assert.deepEqual(await all(false), expected);
  const left = (await monitor.get('/jobs?tag=page')).body.items.map(({ job_id }: { job_id: string }) => job_id);
  assert.deepEqual(left, [running.id]);
  assert.equal((await monitor.get(`/jobs/${rest.job_id}`)).status, 200);
});

const inArchive = async (): Promise<number> => {
  let packs = 0;
  for await (const _ of opened.store.list('archive/packs/')) packs += 1;
  return packs;
};

test('without a filter nothing is erased', async () => {
  assert.deepEqual(codeOf(await monitor.post('/jobs/erase', { filter: {} })), [400, 'invalid_body']);
  assert.deepEqual(codeOf(await monitor.post('/jobs/erase', {})), [400, 'invalid_body']);
  const wrong = await monitor.post('/jobs/erase', { filter: { tag: 'x' }, cursor: 'nonsense' });
  assert.deepEqual(codeOf(wrong), [400, 'invalid_cursor']);
});

test('jobs are erased when the retention of their tag is over, and the next ones are shown with their rule', async () => {
  const calls = await complete(monitor, await hold(monitor, { tags: ['call-center', 'legal'] }));
  const legal = await complete(monitor, await hold(monitor, { tags: ['legal'] }));
  const rules = (await monitor.get('/system/retention')).body;
  assert.equal(rules.default_seconds, 400 * 86_400);
  assert.deepEqual(rules.tenants, []);
  assert.deepEqual(rules.tags, [
    { tag: 'call-center', keep_seconds: 30 * 86_400 },
    { tag: 'legal', keep_seconds: null },
  ]);
  const next = rules.next.find(({ job_id }: { job_id: string }) => job_id === calls.job_id);
  assert.equal(next.rule, 'tag:call-center');
  assert.equal(Date.parse(next.due_at) - Date.parse(next.ended_at), 30 * 86_400_000);
  clock.jump(30 * 86_400_000);
  for (let tries = 0; tries < 100; tries += 1) {
    if ((await monitor.get(`/jobs/${calls.job_id}`)).status === 404) break;
    await clock.pass(10_000);
  }
  assert.deepEqual(codeOf(await monitor.get(`/jobs/${calls.job_id}`)), [404, 'job_erased']);
  const { body } = await monitor.delete(`/jobs/${calls.job_id}?purge=true`);
  assert.deepEqual([body.reason, body.erased_by], ['retention', 'monitor']);
  assert.equal((await monitor.get(`/jobs/${legal.job_id}`)).status, 200);
});
