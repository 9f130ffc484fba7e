/** Every status file of the collection: by itself, all in one folder or bucket, imported, and followed. */
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { reportedId } from '../../protocol/reported-id.ts';
import { Check } from '../../sources/check/check.ts';
import { inParallel } from '../../sources/in-parallel.ts';
import { openSource } from '../../sources/open-source.ts';
import { runTmon, startTestMonitor, temporaryDirectory } from '../processes/tmon.ts';
import { openMonitor } from '../servers/monitor.ts';
import { motoCredentials, motoSettings, startMoto } from '../servers/moto.ts';
import { eachWildFile, type WildFile } from './files.ts';

const { signal } = new AbortController();
const NOW_MS = Date.now();
const FILES = [...eachWildFile(NOW_MS)];
const READABLE = FILES.filter(({ state }) => state !== null);
const idOf = ({ job }: WildFile): string => reportedId(job)!.job_id;

function folderOf(path: string, files: readonly WildFile[]): string {
  mkdirSync(join(path, 'jobs'));
  for (const { file, bytes } of files) writeFileSync(join(path, 'jobs', file), bytes);
  return `dir:${path}`;
}

const verdictOf = ({ state }: WildFile) => (state === null ? 'unknown' : state === 'FAILED' ? 'wrong' : 'well');

async function checkOf(url: string) {
  const source = await openSource(url);
  try {
    return await new Check([source]).run(Date.now(), signal);
  } finally {
    await source.close();
  }
}

test('there are 150 files, of jobs of different names', () => {
  assert.ok(FILES.length >= 150, `${FILES.length}`);
  assert.equal(new Set(FILES.map(idOf)).size, FILES.length);
});

test('a check of each file by itself says what is right', async (t) => {
  const root = temporaryDirectory(t);
  for (const one of FILES) {
    const path = join(root, 'one');
    mkdirSync(path);
    const document = await checkOf(folderOf(path, [one]));
    const said = `${one.from}: ${one.bytes.subarray(0, 300)}\n${JSON.stringify(document.warnings)}`;
    assert.equal(document.verdict, verdictOf(one), said);
    assert.equal(document.sources[0]!.unreadable_count, one.state === null ? 1 : 0, said);
    if (one.state === 'FAILED') assert.equal(document.problems[0]!.subject, one.job, said);
    if (one.error) assert.ok(document.problems[0]!.says.endsWith(`: ${one.error}`), document.problems[0]!.says);
    rmSync(path, { recursive: true });
  }
});

test('all of them, in a folder and in a bucket', async (t) => {
  const moto = await startMoto();
  t.after(() => moto.stop());
  const saved = { ...process.env };
  t.after(() => {
    process.env = saved;
  });
  Object.assign(process.env, motoSettings(moto.endpoint));
  const s3 = new S3Client({
    endpoint: moto.endpoint,
    region: 'us-east-1',
    credentials: motoCredentials,
    forcePathStyle: true,
  });
  t.after(() => s3.destroy());
  await s3.send(new CreateBucketCommand({ Bucket: 'wild' }));
  await inParallel(FILES, 8, ({ file, bytes }) =>
    s3.send(new PutObjectCommand({ Bucket: 'wild', Key: `jobs/${file}`, Body: bytes })),
  );
  const count = (state: WildFile['state']) => FILES.filter((one) => one.state === state).length;
  for (const url of [folderOf(temporaryDirectory(t), FILES), 's3://wild', 's3://wild/jobs']) {
    const { counts, sources, verdict } = await checkOf(url);
    assert.deepEqual(
      [counts.queued, counts.running, counts.completed, counts.failed, sources[0]!.unreadable_count, verdict],
      [count('QUEUED'), count('PROCESSING'), count('COMPLETED'), count('FAILED'), count(null), 'wrong'],
      url,
    );
  }
});

test('imported and followed, a monitor has the same jobs in the same states', async (t) => {
  const url = folderOf(temporaryDirectory(t), FILES);
  const imported = await startTestMonitor(t);
  const { code, stdout } = await runTmon(t, ['import', '--json', '--server', imported.url, url]);
  assert.equal(code, 1, 'some of them can’t be read');
  assert.equal(JSON.parse(stdout).unreadable_count, FILES.length - READABLE.length);
  const states = new Map<string, string>();
  for await (const job of imported.api.jobs.list()) {
    const name = job.metadata.reported_id ?? job.job_id;
    states.set(name, job.state);
  }
  const expected = new Map(READABLE.map(({ job, state }) => [job, state]));
  assert.deepEqual([...states].sort(), [...expected].sort());

  const followed = await openMonitor(t, { source: url, source_poll_ms: 20 });
  const { items } = await followed.until('/jobs?limit=1000', (page) => page.items.length >= READABLE.length);
  assert.deepEqual(
    items
      .map((job: { metadata: Record<string, string>; job_id: string; state: string }) => [
        job.metadata.reported_id ?? job.job_id,
        job.state,
      ])
      .sort(),
    [...expected].sort(),
  );
});
