/** A directory from which segments were deleted: what the monitor, the doctor and the owner's decision make of it. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openMonitor } from '../test/servers/monitor.ts';
import { submit } from '../test/servers/steps.ts';
import { systemClock } from './clock.ts';
import { acceptLossAt, inspectStoreAt } from './doctor.ts';
import { openStore } from './objects/open-store.ts';

test('a deleted segment: not ready and named, nothing written; once it is accepted, all that is left is served', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'tmon-doctor-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const url = `dir:${directory}`;
  const start = async () => openMonitor(t, { objects: await openStore(url, { clock: systemClock, lock: true }) });
  const first = await start();
  const ids: string[] = [];
  for (let n = 0; n < 5; n++) ids.push((await submit(first)).job_id);
  await first.stop();
  assert.deepEqual(
    (await inspectStoreAt(url)).map(({ check, verdict }) => [check, verdict]),
    [
      ['journal', 'pass'],
      ['audit', 'pass'],
    ],
  );

  const segments = readdirSync(join(directory, 'journal')).sort();
  rmSync(join(directory, 'journal', segments[2]!));
  const second = await start();
  const ready = await second.call('GET', '/readyz');
  assert.deepEqual([ready.status, ready.body.halted, ready.body.problems.length], [503, true, 1]);
  assert.deepEqual(
    [ready.body.problems[0].key, ready.body.problems[0].problem],
    [`journal/${segments[2]}`, 'is missing'],
  );
  assert.match(ready.body.problems[0].reach, /^2 segments from 4 to 5 follow, written /);
  assert.equal((await second.post('/jobs', { audio_url: 's3://a/b' })).status, 503);
  assert.equal((await second.get(`/jobs/${ids[1]}`)).status, 200);
  await second.stop();
  assert.equal(readdirSync(join(directory, 'journal')).length, 4);

  const [finding] = await inspectStoreAt(url);
  assert.equal(finding?.verdict, 'fail');
  assert.match(finding?.hint ?? '', /--accept-loss/);
  const accepted = await acceptLossAt(url);
  assert.ok(accepted.every(({ verdict }) => verdict !== 'fail'));
  const third = await start();
  assert.equal((await third.call('GET', '/readyz')).status, 200);
  const found = await Promise.all(ids.map(async (id) => (await third.get(`/jobs/${id}`)).status));
  assert.deepEqual(found, [200, 200, 404, 200, 200]);
  assert.equal((await third.post('/jobs', { audio_url: 's3://a/b' })).status, 201);
  const event = (await readSegments(directory)).find((line) => line.includes('LossAccepted'));
  assert.deepEqual(JSON.parse(event!).data.missing, [`journal/${segments[2]} is missing`]);
});

async function readSegments(directory: string): Promise<string[]> {
  const store = await openStore(`dir:${directory}`, { clock: systemClock, lock: false });
  const lines: string[] = [];
  for await (const { key } of store.list('journal/')) {
    const got = await store.get(key);
    if (got.found) lines.push(...Buffer.from(got.bytes).toString().split('\n'));
  }
  await store.close();
  return lines;
}
