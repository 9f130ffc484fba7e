import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  CreateLogStreamCommand,
  PutLogEventsCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import { motoCredentials, motoSettings, startMoto } from '../../test/servers/moto.ts';
import type { TestServer } from '../../test/servers/start.ts';
import { type Source, SourceError } from '../source.ts';
import { openCloudWatchLogs } from './cloudwatch.ts';
import { openLog } from './open.ts';

const GROUP = '/aws/ec2/transcription';
const signal = new AbortController().signal;
let moto: TestServer;
let client: CloudWatchLogsClient;
const now_ms = Date.now();

before(async () => {
  moto = await startMoto();
  Object.assign(process.env, motoSettings(moto.endpoint));
  client = new CloudWatchLogsClient({ region: 'us-east-1', endpoint: moto.endpoint, credentials: motoCredentials });
  await client.send(new CreateLogGroupCommand({ logGroupName: GROUP }));
  for (const stream of ['worker-1', 'worker-2']) {
    await client.send(new CreateLogStreamCommand({ logGroupName: GROUP, logStreamName: stream }));
  }
  await put('worker-1', [
    [-600_000, 'JOB_START job_id=job-1 worker_id=worker-1'],
    [-540_000, 'noise'],
    [-480_000, 'JOB_PROGRESS job_id=job-1 percentage=45'],
    [-420_000, 'JOB_PROGRESS job_id=job-1'],
    [-400_000, 'JOB_FAILED job_id=job-1 error=GPU out of memory\nJOB_START job_id=job-3 worker_id=worker-1'],
  ]);
  await put('worker-2', [
    [-580_000, 'TRANSCRIPTION_EVENT {"event": "JOB_START", "job_id": "job-2", "worker_id": "worker-2"}'],
    [
      -200_000,
      'TRANSCRIPTION_EVENT {"event": "JOB_COMPLETE", "job_id": "job-2", "worker_id": "worker-2", "duration": 380}',
    ],
  ]);
});

after(async () => {
  client?.destroy();
  await moto?.stop();
});

async function put(logStreamName: string, lines: [offset_ms: number, message: string][]): Promise<void> {
  const logEvents = lines.map(([offset_ms, message]) => ({ timestamp: now_ms + offset_ms, message }));
  await client.send(new PutLogEventsCommand({ logGroupName: GROUP, logStreamName, logEvents }));
}

async function readAll(source: Source, { since_ms = 0, from = null as string | null } = {}) {
  const readings = [];
  for await (const reading of source.read({ since_ms, from, signal })) readings.push(reading);
  await source.close();
  const states = new Map(readings.flatMap(({ sightings }) => sightings).map(({ job_id, state }) => [job_id, state]));
  return { readings, states: Object.fromEntries(states) };
}

test('[B118] a log group is read over any number of pages, with the times of CloudWatch', async () => {
  const { readings, states } = await readAll(openCloudWatchLogs(GROUP, null, { page_size: 2 }));
  assert.ok(readings.length >= 3, `${readings.length} pages`);
  assert.deepEqual(states, { 'job-1': 'FAILED', 'job-2': 'COMPLETED', 'job-3': 'PROCESSING' });
  const unreadable = readings.flatMap((reading) => reading.unreadable);
  assert.equal(unreadable.length, 1);
  assert.match(unreadable[0]!.where, /^stream worker-1, 20/);
  const [whole] = (await readAll(openCloudWatchLogs(GROUP))).readings;
  const failed = whole!.sightings.find(({ job_id }) => job_id === 'job-1')!;
  assert.equal(failed.ended_ms, now_ms - 400_000);
  assert.equal(failed.error, 'GPU out of memory');
});

test('one stream of a group, and lines since a time', async () => {
  const one = await readAll(openLog(`cloudwatch-logs://${GROUP}?stream=worker-2`));
  assert.deepEqual(one.states, { 'job-2': 'COMPLETED' });
  const since = await readAll(openCloudWatchLogs(GROUP), { since_ms: now_ms - 250_000 });
  assert.deepEqual(since.states, { 'job-2': 'COMPLETED' });
});

test('reading continues from a position, and lines that agents deliver late are seen', async () => {
  const { readings } = await readAll(openCloudWatchLogs(GROUP));
  const from = readings.at(-1)!.position;
  await put('worker-1', [
    [-210_000, 'JOB_START job_id=job-late worker_id=worker-1'],
    [-100_000, 'JOB_START job_id=job-new worker_id=worker-1'],
  ]);
  const { states } = await readAll(openCloudWatchLogs(GROUP), { from });
  assert.equal(states['job-late'], 'PROCESSING');
  assert.equal(states['job-new'], 'PROCESSING');
  assert.equal(states['job-1'], undefined);
});

test('a missing group or stream, or no credentials, is one line with the command that fixes it', async () => {
  const fails = async (source: Source, kind: string, message: RegExp, hint: RegExp) => {
    await assert.rejects(readAll(source), (error: unknown) => {
      assert.ok(error instanceof SourceError, String(error));
      assert.equal(error.kind, kind);
      assert.match(error.message, message);
      assert.match(error.hint ?? '', hint);
      return true;
    });
  };
  await fails(
    openCloudWatchLogs('/no/group'),
    'missing',
    /log group \/no\/group does not exist/,
    /aws logs create-log-group --log-group-name \/no\/group/,
  );
  const keys = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'].map((name) => [name, process.env[name]] as const);
  for (const [name] of keys) delete process.env[name];
  Object.assign(process.env, { AWS_EC2_METADATA_DISABLED: 'true', AWS_SHARED_CREDENTIALS_FILE: '/nonexistent' });
  try {
    await fails(openCloudWatchLogs(GROUP), 'denied', /no AWS credentials found/, /aws configure/);
  } finally {
    for (const [name, value] of keys) process.env[name] = value;
  }
});
