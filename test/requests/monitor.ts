/** Counts a monitor's requests to its bucket: for a job, for a progress report, and in an idle hour. */

import { setTimeout as wait } from 'node:timers/promises';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { MINUTE_MS } from '../../protocol/time.ts';
import { TranscriptionAPI } from '../../sdk/typescript/index.ts';
import { type Cleaning, startTmon } from '../processes/tmon.ts';
import type { Counted, CountingProxy } from '../servers/counting-proxy.ts';
import { motoCredentials } from '../servers/moto.ts';

export type MonitorRequests = {
  puts_per_job: number;
  puts_per_report: number;
  gets_per_job: number;
  puts_per_idle_hour: number;
  /** While one worker holds a job and sends heartbeats; those of several coincide. */
  puts_per_busy_hour: number;
};

const BUCKET = 'counted';
/** Longer than the monitor waits to combine changes into one object: then no report shares a put. */
const APART_MS = 2_500;
const MINUTES_PER_HOUR = 60;
/** Like the agent. */
const BEAT_MS = 10_000;
const JOBS = 4;
const REPORTS = 4;

export async function countMonitor(t: Cleaning, proxy: CountingProxy): Promise<MonitorRequests> {
  const client = new S3Client({
    endpoint: proxy.endpoint,
    region: 'us-east-1',
    credentials: motoCredentials,
    forcePathStyle: true,
  });
  await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
  client.destroy();
  const environment = {
    AWS_ENDPOINT_URL_S3: proxy.endpoint,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: motoCredentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: motoCredentials.secretAccessKey,
  };
  const monitor = startTmon(
    t,
    ['serve', '--json', '--store', `s3://${BUCKET}`, '--listen', '127.0.0.1:0', '--fleet', 'none:'],
    {
      environment,
    },
  );
  const [, baseUrl = ''] = await monitor.line(/^\{"url":"([^"]+)"/);
  const api = new TranscriptionAPI({ baseUrl });
  await api.workers.register('worker-1', { capabilities: {} });
  const worked = async (reports: number) => {
    await wait(2 * APART_MS);
    proxy.take();
    for (let i = 0; i < JOBS; i += 1) await workOn(api, reports);
    await wait(2 * APART_MS);
    return proxy.take();
  };
  const without = await worked(0);
  const reported = await worked(REPORTS);
  // Views of the last job follow within a minute, and a snapshot and the archive within a few more.
  await wait(3 * MINUTE_MS);
  proxy.take();
  await wait(2 * MINUTE_MS);
  const idle = proxy.take();
  const held = await hold(api);
  proxy.take();
  await wait(MINUTE_MS);
  const busy = proxy.take();
  held.letGo();
  const puts = (counted: Record<string, Counted>) => counted['s3 PUT']?.requests ?? 0;
  return {
    puts_per_job: puts(without) / JOBS,
    puts_per_report: (puts(reported) - puts(without)) / JOBS / REPORTS,
    gets_per_job: (without['s3 GET']?.requests ?? 0) / JOBS,
    puts_per_idle_hour: (puts(idle) / 2) * MINUTES_PER_HOUR,
    puts_per_busy_hour: puts(busy) * MINUTES_PER_HOUR,
  };
}

/** Submits a job, claims it, and sends heartbeats for it until it is released. */
async function hold(api: TranscriptionAPI) {
  const { id } = await api.jobs.submit({ audio_url: 's3://bucket/audio.wav' });
  const { jobs } = await api.workers.claim('worker-1', { max_jobs: 1, wait_seconds: 5 });
  const lease_token = jobs[0]!.lease.token;
  const beat = () => api.workers.heartbeat('worker-1', { health: {}, leases: [lease_token] });
  const beating = setInterval(() => void beat().catch(() => {}), BEAT_MS);
  return { id, lease_token, letGo: () => clearInterval(beating) };
}

async function workOn(api: TranscriptionAPI, reports: number): Promise<void> {
  const { id, lease_token, letGo } = await hold(api);
  for (let i = 1; i <= reports; i += 1) {
    await wait(APART_MS);
    await api.jobs.reportProgress(id, { lease_token, percentage: (100 * i) / (reports + 1), stage: 'TRANSCRIBING' });
  }
  await wait(APART_MS);
  const output = { s3_path: 's3://bucket/transcript.json', segments_count: 10, confidence_score: 0.9 };
  await api.jobs.complete(id, { lease_token, output });
  letGo();
}
