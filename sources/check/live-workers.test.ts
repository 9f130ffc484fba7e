/**
 * Workers that live while they are looked at: one works, one goes on with one job while another hangs, one is killed
 * with SIGKILL. `tmon check` tells them apart in every system that needs no server, by what they themselves have told.
 */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { CloudWatchLogsClient, CreateLogGroupCommand } from '@aws-sdk/client-cloudwatch-logs';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { CreateQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { CheckDocument } from '../../protocol/check.ts';
import { type Cleaning, runTmon, startNode, temporaryDirectory } from '../../test/processes/tmon.ts';
import { mariadbAbsent, startMariadb } from '../../test/servers/mariadb.ts';
import { motoCredentials, motoSettings, startMoto } from '../../test/servers/moto.ts';
import { postgresqlAbsent, startPostgresql } from '../../test/servers/postgresql.ts';

const WORKER = fileURLToPath(new URL('../../test/processes/reporting-worker.ts', import.meta.url));
/** Silence threshold; workers report once a second. */
const PATIENCE = '15s';

/** Each system's URL, with an existing table, bucket, queue or group. */
async function startSystems(t: Cleaning): Promise<{ urls: string[]; environment: Record<string, string> }> {
  const folder = temporaryDirectory(t);
  mkdirSync(join(folder, 'status'));
  const moto = await startMoto();
  t.after(() => moto.stop());
  const environment = motoSettings(moto.endpoint);
  const client = { endpoint: moto.endpoint, region: 'us-east-1', credentials: motoCredentials };
  const s3 = new S3Client({ ...client, forcePathStyle: true });
  const sqs = new SQSClient(client);
  const logs = new CloudWatchLogsClient(client);
  await s3.send(new CreateBucketCommand({ Bucket: 'live-status' }));
  await sqs.send(new CreateQueueCommand({ QueueName: 'live-reports' }));
  await logs.send(new CreateLogGroupCommand({ logGroupName: '/live/transcription' }));
  for (const one of [s3, sqs, logs]) one.destroy();

  const tables = [`sqlite:${join(folder, 'jobs.db')}`, 'dynamodb://live_job_status'];
  for (const [absent, start] of [
    [postgresqlAbsent(), startPostgresql],
    [mariadbAbsent(), startMariadb],
  ] as const) {
    if (absent !== undefined) continue;
    const server = await start();
    t.after(() => server.stop());
    tables.push(server.url);
  }
  for (const url of tables) {
    const { code, stderr } = await runTmon(t, ['db', 'init', url], { environment });
    assert.equal(code, 0, stderr);
  }
  const others = ['s3://live-status', 'sqs://live-reports', 'cloudwatch-logs:///live/transcription?stream=workers'];
  return {
    urls: [`log:${join(folder, 'worker.log')}`, `dir:${join(folder, 'status')}`, ...others, ...tables],
    environment,
  };
}

test('[B110] a working, a hanging and a killed worker are distinguished live', {
  timeout: 300_000,
}, async (t) => {
  const { urls, environment } = await startSystems(t);
  const start = async (worker: string, job: string, hangs = '-') => {
    const child = startNode(t, [WORKER, worker, job, hangs, ...urls], { environment });
    await child.line(/^reports$/);
    return child;
  };
  const workers = await Promise.all([
    start('worker-runs', 'job-runs'),
    start('worker-hangs', 'job-beside', 'job-hangs'),
    start('worker-killed', 'job-killed'),
  ]);
  const check = async (url: string): Promise<{ code: number | null; document: CheckDocument }> => {
    const args = ['check', url, '--json', '--stuck-after', PATIENCE, '--quiet-after', PATIENCE];
    const { code, stdout, stderr } = await runTmon(t, args, { environment });
    assert.notEqual(stdout, '', stderr);
    return { code, document: JSON.parse(stdout) as CheckDocument };
  };
  const running = (document: CheckDocument) => document.running.map(({ job_id }) => job_id).sort();
  workers[2]!.kill('SIGKILL');
  await workers[2]!.ended;

  for (const url of urls) {
    let { code, document } = await check(url);
    // Until both have been silent for long enough.
    while (document.problems.length < 3) {
      await pause(500);
      ({ code, document } = await check(url));
    }
    assert.equal(code, 1, url);
    assert.deepEqual(running(document), ['job-beside', 'job-hangs', 'job-killed', 'job-runs'], url);
    assert.deepEqual(
      document.problems.map(({ kind, subject }) => `${kind} ${subject}`),
      ['job_stuck job-hangs', 'job_stuck job-killed', 'worker_quiet worker-killed'],
      url,
    );
    assert.match(document.problems[0]!.says, /worker-hangs reported \d+s ago: it hangs/, url);
    assert.match(document.problems[1]!.says, /worker-killed is silent too: it has died/, url);
  }
  assert.deepEqual(
    workers.slice(0, 2).map(({ exitCode }) => exitCode),
    [null, null],
    'a worker has ended by itself',
  );
  // Before their folder is removed: they would make it again.
  for (const worker of workers) {
    worker.kill('SIGKILL');
    await worker.ended;
  }
});
