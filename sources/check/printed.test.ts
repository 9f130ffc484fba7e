/** Verifies docs/checking.md: what the documented script and query find, and what they don't (D15, D16). */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { ensurePythonEnvironment } from '../../agent/python/environment.ts';
import { JOB_STATUS_SQL } from '../../protocol/job-status-table.ts';
import { temporaryDirectory } from '../../test/processes/tmon.ts';
import { motoCredentials, motoEnvironment, startMoto } from '../../test/servers/moto.ts';
import { openSource } from '../open-source.ts';
import { Check } from './check.ts';

const PAGE = readFileSync(new URL('../../docs/checking.md', import.meta.url), 'utf8');
const { signal } = new AbortController();

const blocks = (language: string): string[] =>
  [...PAGE.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'gms'))].map(([, text]) => text!.trim());

test('[B139] the page has the documented query, and the better one', () => {
  assert.deepEqual(blocks('sql'), [JOB_STATUS_SQL.postgres.stuckAsPrinted, JOB_STATUS_SQL.postgres.stuck]);
});

test('[B135] the documented script reports an ended job as stuck, and fails on an empty bucket', async (t) => {
  const [script = ''] = blocks('python');
  const program = join(temporaryDirectory(t), 'stuck-files-as-printed.py');
  writeFileSync(program, script);
  const moto = await startMoto();
  t.after(() => moto.stop());
  const { bin } = await ensurePythonEnvironment(motoEnvironment);
  const env = {
    ...process.env,
    AWS_ENDPOINT_URL: moto.endpoint,
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: motoCredentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: motoCredentials.secretAccessKey,
  };
  // As if it ran long after: whatever lies there is older.
  const run = () => promisify(execFile)(`${bin}/python`, [program, '-60'], { env });
  const s3 = new S3Client({
    endpoint: moto.endpoint,
    region: 'us-east-1',
    credentials: motoCredentials,
    forcePathStyle: true,
  });
  t.after(() => s3.destroy());
  await s3.send(new CreateBucketCommand({ Bucket: 'status-bucket' }));
  await assert.rejects(run(), /KeyError: 'Contents'/);
  for (const [job_id, status] of [
    ['job-hangs', 'PROCESSING'],
    ['job-ended', 'COMPLETED'],
  ]) {
    const Body = JSON.stringify({ job_id, worker_id: 'worker-1', status, started_at: null, percentage: null });
    await s3.send(new PutObjectCommand({ Bucket: 'status-bucket', Key: `jobs/${job_id}.json`, Body }));
  }
  assert.equal((await run()).stdout, 'STUCK JOB: jobs/job-ended.json\nSTUCK JOB: jobs/job-hangs.json\n');
});

test('[B139] the documented query misses a fast job and a row without a time, and reports a slow job as stuck', async (t) => {
  const path = join(temporaryDirectory(t), 'jobs.db');
  const database = new DatabaseSync(path);
  const now_ms = Date.now();
  const sql = JOB_STATUS_SQL.sqlite;
  database.exec(sql.create);
  /** Minutes ago. */
  const row = (job_id: string, status: string, started: number, updated: number | null, percentage: number | null) => {
    const time = (minutes: number | null) =>
      minutes === null ? null : new Date(now_ms - minutes * 60_000).toISOString().replace('T', ' ').slice(0, 19);
    const worker_id = `worker-of-${job_id}`;
    database
      .prepare('INSERT INTO job_status VALUES (?, ?, ?, ?, ?, ?, NULL)')
      .run(job_id, worker_id, status, time(started), time(updated), percentage);
  };
  row('hangs', 'PROCESSING', 50, 50, null);
  row('ended', 'COMPLETED', 90, 45, 100);
  row('slow', 'PROCESSING', 440, 40, 40);
  row('fast', 'PROCESSING', 13, 10, 60);
  row('untold', 'PROCESSING', 50, null, null);
  row('begun', 'PROCESSING', 120, 70, 10);
  const ids = (statement: string, ...parameters: number[]) =>
    database
      .prepare(statement)
      .all(...parameters)
      .map(({ job_id }) => job_id)
      .sort();
  assert.deepEqual(ids(sql.stuckAsPrinted), ['begun', 'hangs', 'slow']);
  assert.deepEqual(ids(sql.stuck, 30), ['begun', 'hangs', 'slow', 'untold']);
  database.close();
  const source = await openSource(`sqlite:${path}`);
  t.after(() => source.close());
  const { running } = await new Check([source]).run(now_ms, signal);
  assert.deepEqual(
    running.filter(({ stuck }) => stuck).map(({ job_id }) => job_id),
    ['begun', 'fast', 'hangs', 'untold'],
  );
});
