/** Counts the requests and bytes of a job, a progress report and a check in each system without a server. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { CloudWatchLogsClient, CreateLogGroupCommand } from '@aws-sdk/client-cloudwatch-logs';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { CreateQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import { ensurePythonEnvironment } from '../../agent/python/environment.ts';
import type { Measured } from '../../cli/recommend/cost.ts';
import { runTmon } from '../processes/tmon.ts';
import type { Counted, CountingProxy } from '../servers/counting-proxy.ts';
import { motoCredentials } from '../servers/moto.ts';
import { pythonSdkEnvironment } from '../setup/python-sdk.ts';

const SCRIPT = fileURLToPath(new URL('report_jobs.py', import.meta.url));
const SDK = fileURLToPath(new URL('../../sdk/python/src', import.meta.url));

export const URLS = {
  sqs: 'sqs://counted-status',
  logs: 'cloudwatch-logs:///counted/transcription?stream=worker-1',
  s3: 's3://counted-status',
  dynamodb: 'dynamodb://counted_job_status',
} as const;

/** The queue, group, bucket and table named in the URLs. */
export async function prepareSystems(endpoint: string): Promise<void> {
  const client = { endpoint, region: 'us-east-1', credentials: motoCredentials };
  const s3 = new S3Client({ ...client, forcePathStyle: true });
  const logs = new CloudWatchLogsClient(client);
  const sqs = new SQSClient(client);
  await s3.send(new CreateBucketCommand({ Bucket: 'counted-status' }));
  await logs.send(new CreateLogGroupCommand({ logGroupName: '/counted/transcription' }));
  await sqs.send(new CreateQueueCommand({ QueueName: 'counted-status' }));
  for (const one of [s3, logs, sqs]) one.destroy();
  await tmon(endpoint, 'db', 'init', URLS.dynamodb);
}

export async function countReporter(url: string, proxy: CountingProxy, jobs = 5, reports = 4): Promise<Measured> {
  await report(url, proxy.endpoint, 1, 0);
  proxy.take();
  await report(url, proxy.endpoint, jobs, 0);
  const without = sum(proxy.take());
  await report(url, proxy.endpoint, jobs, reports);
  const reported = sum(proxy.take());
  // A check remembers ended jobs: the second one shows the regular cost.
  await tmon(proxy.endpoint, 'check', url, '--json');
  proxy.take();
  await tmon(proxy.endpoint, 'check', url, '--json');
  const checked = sum(proxy.take());
  await report(url, proxy.endpoint, jobs, 1, 'leave');
  proxy.take();
  await tmon(proxy.endpoint, 'check', url, '--json');
  const running = sum(proxy.take());
  return {
    requests_per_job: round(without.requests / jobs),
    requests_per_report: round((reported.requests - without.requests) / jobs / reports),
    bytes_per_job: Math.round(without.bytes / jobs),
    bytes_per_report: Math.round((reported.bytes - without.bytes) / jobs / reports),
    requests_per_check: checked.requests,
    requests_per_check_and_running_job: round(Math.max(0, running.requests - checked.requests) / jobs),
  };
}

async function report(url: string, endpoint: string, jobs: number, reports: number, ...more: string[]): Promise<void> {
  const { python } = await ensurePythonEnvironment(await pythonSdkEnvironment());
  const env = { ...process.env, ...environmentOf(endpoint), PYTHONPATH: SDK, PYTHONDONTWRITEBYTECODE: '1' };
  const args = [SCRIPT, url, String(jobs), String(reports), ...more];
  const { stdout } = await promisify(execFile)(python, args, { env });
  assert.equal(stdout.trim(), '0', 'nothing was dropped');
}

async function tmon(endpoint: string, ...args: string[]): Promise<void> {
  const ends: (() => void | Promise<void>)[] = [];
  const { code, stderr } = await runTmon({ after: (end) => ends.push(end) }, args, {
    environment: environmentOf(endpoint),
  });
  for (const end of ends) await end();
  assert.ok(code === 0 || code === 1, stderr);
}

const environmentOf = (endpoint: string) => ({
  AWS_ENDPOINT_URL: endpoint,
  AWS_REGION: 'us-east-1',
  AWS_DEFAULT_REGION: 'us-east-1',
  AWS_ACCESS_KEY_ID: motoCredentials.accessKeyId,
  AWS_SECRET_ACCESS_KEY: motoCredentials.secretAccessKey,
});

function sum(counted: Record<string, Counted>): Counted {
  return Object.values(counted).reduce(
    (all, { requests, bytes }) => ({ requests: all.requests + requests, bytes: all.bytes + bytes }),
    { requests: 0, bytes: 0 },
  );
}

const round = (value: number): number => Math.round(value * 100) / 100;
