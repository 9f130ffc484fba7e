/** The commands of the pages about the systems without a server run as printed. */
import { test } from 'node:test';
import {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  CreateLogStreamCommand,
  PutLogEventsCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import type { StatusFile } from '../../protocol/status-file.ts';
import { runPage } from './runners.ts';
import { openScene, type Scene, withAws, withJournal, withMonitor } from './scene.ts';

const ago = (minutes: number): string => new Date(Date.now() - minutes * 60_000).toISOString();

/** Three jobs, of which one runs. */
const HISTORY: [minutes: number, line: string][] = [
  [40, 'JOB_START job_id=job-1 worker_id=worker-1'],
  [30, 'JOB_FAILED job_id=job-1 error=GPU out of memory'],
  [29, 'JOB_START job_id=job-2 worker_id=worker-1'],
  [9, 'JOB_COMPLETE job_id=job-2 duration=1200'],
  [8, 'JOB_START job_id=job-3 worker_id=worker-1'],
  [1, 'JOB_PROGRESS job_id=job-3 percentage=45'],
];

const log = (history: typeof HISTORY): string => history.map(([minutes, line]) => `${ago(minutes)} ${line}\n`).join('');

test('the commands of docs/logs.md run as printed', async (t) => {
  const scene = await openScene(t);
  await withAws(t, scene);
  await withJournal(t, scene, ['transcriber']);
  scene.write('/var/log/transcriber.log', log(HISTORY));
  await withLogGroup(scene, '/aws/ec2/transcription');
  await runPage(t, scene, { page: 'docs/logs.md' });
});

async function withLogGroup(scene: Scene, logGroupName: string): Promise<void> {
  const client = new CloudWatchLogsClient(clientOptions(scene, scene.environment.AWS_ENDPOINT_URL!));
  const stream = { logGroupName, logStreamName: 'worker-1' };
  await client.send(new CreateLogGroupCommand({ logGroupName }));
  await client.send(new CreateLogStreamCommand(stream));
  const logEvents = HISTORY.map(([minutes, message]) => ({ timestamp: Date.parse(ago(minutes)), message }));
  await client.send(new PutLogEventsCommand({ ...stream, logEvents }));
  client.destroy();
}

const clientOptions = ({ environment }: Scene, endpoint: string) => ({
  endpoint,
  region: 'us-east-1',
  credentials: {
    accessKeyId: environment.AWS_ACCESS_KEY_ID!,
    secretAccessKey: environment.AWS_SECRET_ACCESS_KEY!,
  },
});

/** As docs/checking.md shows them. */
const JOBS: StatusFile[] = [
  file('job-hangs', 'worker-hangs', { started_at: ago(60), updated_at: ago(50), percentage: 10 }),
  file('job-done', 'worker-hangs', { status: 'COMPLETED', updated_at: ago(1), percentage: 100 }),
  file('job-killed', 'worker-killed', { started_at: ago(20), updated_at: ago(12), percentage: 40 }),
  file('job-failed', 'worker-runs', { status: 'FAILED', updated_at: ago(5), error: 'GPU out of memory' }),
  file('job-runs', 'worker-runs', { started_at: ago(20), updated_at: ago(1), percentage: 60 }),
];

function file(job_id: string, worker_id: string, more: Partial<StatusFile>): StatusFile {
  return { job_id, worker_id, status: 'PROCESSING', started_at: ago(30), percentage: null, ...more };
}

async function putJobs(scene: Scene, jobs: readonly StatusFile[]): Promise<void> {
  const { AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_S3 = AWS_ENDPOINT_URL! } = scene.environment;
  const s3 = new S3Client({ ...clientOptions(scene, AWS_ENDPOINT_URL_S3), forcePathStyle: true });
  for (const job of jobs) {
    const Key = `jobs/${job.job_id}.json`;
    await s3.send(new PutObjectCommand({ Bucket: 'status-bucket', Key, Body: JSON.stringify(job) }));
  }
  s3.destroy();
}

test('the commands of docs/checking.md run as printed, with that output', async (t) => {
  const scene = await openScene(t);
  await withAws(t, scene);
  await putJobs(scene, JOBS);
  scene.exits('tmon check s3://status-bucket', 1);
  await runPage(t, scene, { page: 'docs/checking.md' });
});

test('the programs of docs/reporting.md and the commands of docs/upgrading.md run as printed', async (t) => {
  const scene = await openScene(t);
  await withMonitor(t, scene);
  await withAws(t, scene);
  await runPage(t, scene, { page: 'docs/reporting.md' });
  await putJobs(scene, JOBS);
  for (const name of ['worker.log', 'worker.log.1']) scene.write(`/var/log/${name}`, log(HISTORY));
  await runPage(t, scene, { page: 'docs/upgrading.md' });
});

test('the crontab, the units and the manifests of docs/scheduling.md are valid, and their commands run', async (t) => {
  const scene = await openScene(t);
  await withAws(t, scene);
  const well = JOBS.filter(({ job_id }) => job_id === 'job-runs' || job_id === 'job-done');
  await putJobs(scene, well);
  for (const job of well) scene.write(`/srv/status/jobs/${job.job_id}.json`, JSON.stringify(job));
  scene.write('/var/lib/node_exporter/textfile/other.prom', '');
  await runPage(t, scene, { page: 'docs/scheduling.md' });
});
