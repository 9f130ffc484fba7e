/**
 * Stores written by earlier versions (see write-store.ts), opened by this one: each answer stands, the archive is read,
 * work goes on.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { MemoryStore } from '../../server/objects/memory.ts';
import { JumpingClock } from '../servers/jumping-clock.ts';
import { type Json, type Monitor, openMonitor } from '../servers/monitor.ts';
import type { Recorded } from './write-store.ts';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const VERSIONS = readdirSync(HERE).filter((name) => statSync(join(HERE, name)).isDirectory());

/** The store in memory, and a clock that goes on from the moment at which the store was left. */
async function open(version: string): Promise<{ recorded: Recorded; store: MemoryStore; clock: JumpingClock }> {
  const recorded = JSON.parse(readFileSync(join(HERE, version, 'recorded.json'), 'utf8')) as Recorded;
  const clock = new JumpingClock();
  clock.jump(Date.parse(recorded.written_at) - Date.now());
  const store = new MemoryStore(clock);
  const root = join(HERE, version, 'store');
  for (const path of readdirSync(root, { recursive: true, encoding: 'utf8' }).sort()) {
    if (!statSync(join(root, path)).isFile()) continue;
    await store.putIfAbsent(path.replaceAll('\\', '/'), readFileSync(join(root, path)));
  }
  return { recorded, store, clock };
}

/** Fields may be added to a document; those that were there stay as they were. */
function assertStands(now: Json, then: Json, where: string): void {
  if (Array.isArray(then)) {
    assert.equal(now?.length, then.length, where);
    for (const [index, item] of then.entries()) assertStands(now[index], item, `${where}[${index}]`);
  } else if (typeof then === 'object' && then !== null) {
    for (const [name, value] of Object.entries(then)) assertStands(now?.[name], value, `${where}.${name}`);
  } else {
    assert.deepEqual(now, then, where);
  }
}

async function assertAllStands(monitor: Monitor, { answers, bytes }: Recorded): Promise<void> {
  for (const [path, then] of Object.entries(answers)) {
    const { status, body } = await monitor.get(path);
    assert.equal(status, 200, path);
    assertStands(body, then, path);
  }
  for (const [path, sha256] of Object.entries(bytes)) {
    const response = await fetch(`${monitor.url}/api/v1${path}`);
    assert.equal(response.status, 200, path);
    assert.equal(
      createHash('sha256')
        .update(Buffer.from(await response.arrayBuffer()))
        .digest('hex'),
      sha256,
      path,
    );
  }
}

for (const version of VERSIONS) {
  describe(`a store that version ${version} wrote`, () => {
    test('is opened as it was left: every job, worker, transcript and upload', async (t) => {
      const { recorded, store, clock } = await open(version);
      await assertAllStands(await openMonitor(t, { objects: store, clock }), recorded);
    });

    test('is the same when its snapshots are gone and the whole journal is replayed', async (t) => {
      const { recorded, store, clock } = await open(version);
      for await (const { key } of store.list('snapshots/')) await store.delete(key);
      await assertAllStands(await openMonitor(t, { objects: store, clock }), recorded);
    });

    test('goes on: its leases and its keys hold, and a second start finds what the first one wrote', async (t) => {
      const { recorded, store, clock } = await open(version);
      const { lease, repeat } = recorded;
      const first = await openMonitor(t, { objects: store, clock });
      const again = await first.post('/jobs', repeat.body, { 'idempotency-key': repeat.key });
      assert.deepEqual([again.status, again.body.job_id], [201, repeat.job_id]);
      const output = { s3_path: 's3://transcripts/1.json', segments_count: 1, confidence_score: null };
      const done = await first.post(`/jobs/${lease.job_id}/complete`, { lease_token: lease.token, output });
      assert.deepEqual([done.status, done.body.state], [200, 'COMPLETED']);
      const { body: submitted } = await first.post('/jobs', { audio_url: 's3://audio/new.mp3' });
      await first.stop();
      const second = await openMonitor(t, { objects: store, clock });
      assert.equal((await second.get(`/jobs/${lease.job_id}`)).body.state, 'COMPLETED');
      assert.equal((await second.get(`/jobs/${submitted.job_id}`)).body.state, 'QUEUED');
    });
  });
}

test('at least one earlier version is kept', () => {
  assert.ok(VERSIONS.length > 0);
});
