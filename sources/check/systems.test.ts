/**
 * In every system a worker that runs, one that hangs, one that is killed and a job that failed: one check tells them
 * apart. Written as reporters write, read through the real service.
 */
import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  CreateLogStreamCommand,
  PutLogEventsCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import { CreateTableCommand, DynamoDBClient, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { CreateQueueCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import mysql from 'mysql2/promise';
import pg from 'pg';
import type { CheckDocument } from '../../protocol/check.ts';
import { dynamoCreateTable, dynamoUpdate, JOB_STATUS_SQL, upsertParameters } from '../../protocol/job-status-table.ts';
import { formatLogLine } from '../../protocol/log-format.ts';
import type { Sighting } from '../../protocol/sighting.ts';
import { statusFileKey, writeStatusFile } from '../../protocol/status-file.ts';
import { formatTime } from '../../protocol/time.ts';
import { type Cleaning, temporaryDirectory } from '../../test/processes/tmon.ts';
import { JumpingClock } from '../../test/servers/jumping-clock.ts';
import { mariadbAbsent, startMariadb } from '../../test/servers/mariadb.ts';
import { openMonitor } from '../../test/servers/monitor.ts';
import { motoCredentials, motoSettings, startMoto } from '../../test/servers/moto.ts';
import { postgresqlAbsent, startPostgresql } from '../../test/servers/postgresql.ts';
import type { TestServer } from '../../test/servers/start.ts';
import { complete, hold } from '../../test/servers/steps.ts';
import { openSource } from '../open-source.ts';
import { Check } from './check.ts';

const NOW = Math.floor(Date.now() / 1000) * 1000;
const MINUTE = 60_000;
const { signal } = new AbortController();

type Report = Pick<Sighting, 'job_id' | 'worker_id' | 'state' | 'percentage'> & { started: number; told: number };

/** Minutes before NOW. worker-hangs still reports: its other job has ended. */
const REPORTS: readonly Report[] = [
  { job_id: 'job-runs', worker_id: 'worker-runs', state: 'PROCESSING', percentage: 60, started: 20, told: 1 },
  { job_id: 'job-hangs', worker_id: 'worker-hangs', state: 'PROCESSING', percentage: 10, started: 60, told: 50 },
  { job_id: 'job-beside', worker_id: 'worker-hangs', state: 'COMPLETED', percentage: 100, started: 40, told: 1 },
  { job_id: 'job-killed', worker_id: 'worker-killed', state: 'PROCESSING', percentage: 40, started: 20, told: 12 },
  { job_id: 'job-failed', worker_id: 'worker-runs', state: 'FAILED', percentage: 5, started: 9, told: 5 },
];

function sightingOf({ started, told, ...rest }: Report): Sighting {
  const told_ms = NOW - told * MINUTE;
  const ended = rest.state === 'COMPLETED' || rest.state === 'FAILED';
  return {
    ...rest,
    told_ms,
    started_ms: NOW - started * MINUTE,
    ended_ms: ended ? told_ms : null,
    stage: null,
    audio_duration: null,
    duration: null,
    segments: null,
    s3_path: null,
    error: rest.state === 'FAILED' ? 'GPU out of memory' : null,
  };
}

/** The events that a worker would have reported, oldest first. */
function eventsOf({ job_id, worker_id, state, percentage, started, told }: Report) {
  const told_at = { job_id, worker_id, timestamp: formatTime(NOW - told * MINUTE) };
  const last = {
    PROCESSING: { event: 'JOB_PROGRESS', ...told_at, percentage },
    COMPLETED: { event: 'JOB_COMPLETE', ...told_at, duration: 2340 },
    FAILED: { event: 'JOB_FAILED', ...told_at, error: 'GPU out of memory' },
    QUEUED: undefined,
  }[state];
  return [
    { event: 'JOB_START', job_id, worker_id, timestamp: formatTime(NOW - started * MINUTE) },
    ...(last === undefined ? [] : [last]),
  ];
}

async function checkOf(url: string, now_ms = NOW): Promise<CheckDocument> {
  const source = await openSource(url);
  try {
    return await new Check([source]).run(now_ms, signal);
  } finally {
    await source.close();
  }
}

async function tellsApart(url: string): Promise<CheckDocument> {
  const document = await checkOf(url);
  const [source] = document.sources;
  assert.deepEqual([source?.error, source?.unreadable], [null, []]);
  assert.deepEqual(
    document.problems.map(({ kind, subject }) => `${kind} ${subject}`),
    ['job_stuck job-hangs', 'job_stuck job-killed', 'worker_quiet worker-killed', 'job_failed job-failed'],
  );
  assert.match(document.problems[0]!.says, /worker-hangs reported 1m ago: it hangs/);
  assert.match(document.problems[1]!.says, /worker-killed is silent too: it has died/);
  assert.match(document.problems[3]!.says, /GPU out of memory/);
  const runs = document.running.find(({ job_id }) => job_id === 'job-runs');
  assert.deepEqual([runs?.stuck, runs?.percentage, runs?.worker_id], [false, 60, 'worker-runs']);
  assert.deepEqual([document.counts.completed, document.counts.failed, document.counts.failure_rate], [1, 1, 0.5]);
  return document;
}

/** The AWS settings while a test runs. */
function setEnvironment(t: Cleaning, values: Record<string, string>): void {
  for (const [name, value] of Object.entries(values)) {
    const before = process.env[name];
    process.env[name] = value;
    t.after(() => {
      if (before === undefined) delete process.env[name];
      else process.env[name] = before;
    });
  }
}

describe('files and tables', () => {
  test('[B110] [B111] a log, and nothing else', async (t) => {
    const path = join(temporaryDirectory(t), 'worker.log');
    const events = REPORTS.flatMap(eventsOf).sort((a, b) => a.timestamp.localeCompare(b.timestamp));
    for (const event of events) appendFileSync(path, `INFO:worker:${formatLogLine(event)}\n`);
    await tellsApart(`log:${path}`);
  });

  test('a log that keeps reporting a job at the same percentage shows a hanging job', async (t) => {
    const path = join(temporaryDirectory(t), 'worker.log');
    const line = (minutes: number, event: object) =>
      appendFileSync(
        path,
        `${formatLogLine({ event: 'JOB_PROGRESS', job_id: 'job-1', worker_id: 'worker-1', timestamp: formatTime(NOW - minutes * MINUTE), ...event })}\n`,
      );
    line(60, { event: 'JOB_START' });
    for (let minutes = 50; minutes >= 0; minutes -= 1) line(minutes, { percentage: 45 });
    const { problems } = await checkOf(`log:${path}`);
    assert.deepEqual(
      problems.map(({ kind, says }) => `${kind} ${says}`),
      ['job_stuck no progress at 45% for 50m, expected within 7m; worker-1 reported 0s ago: it hangs'],
    );
  });

  test('[B133] a folder of status files', async (t) => {
    const path = temporaryDirectory(t);
    mkdirSync(join(path, 'jobs'));
    for (const report of REPORTS) {
      writeFileSync(join(path, statusFileKey(report.job_id)), writeStatusFile(sightingOf(report)));
    }
    await tellsApart(`dir:${path}`);
  });

  test('[B137] a table of SQLite', async (t) => {
    const path = join(temporaryDirectory(t), 'jobs.db');
    const database = new DatabaseSync(path);
    database.exec(JOB_STATUS_SQL.sqlite.create);
    for (const report of REPORTS) {
      database.prepare(JOB_STATUS_SQL.sqlite.upsert).run(...upsertParameters(sightingOf(report)));
    }
    database.close();
    await tellsApart(`sqlite:${path}`);
  });

  test('[B136] [B137] a table of PostgreSQL', { skip: postgresqlAbsent() ?? false }, async (t) => {
    const server = await startPostgresql();
    t.after(() => server.stop());
    const client = new pg.Client(server.url);
    await client.connect();
    await client.query(JOB_STATUS_SQL.postgres.create);
    for (const report of REPORTS) {
      await client.query(JOB_STATUS_SQL.postgres.upsert, upsertParameters(sightingOf(report)));
    }
    await client.end();
    await tellsApart(server.url);

    const empty = await server.database('without_table');
    await refusesWith(empty, 'missing', /table job_status does not exist$/, /^tmon db init postgres/);
    await refusesWith(empty.replace(/[^/]+$/, 'nowhere'), 'missing', /the database does not exist/, /CREATE DATABASE/);
  });

  test('[B137] a table of MariaDB', { skip: mariadbAbsent() ?? false }, async (t) => {
    const server = await startMariadb();
    t.after(() => server.stop());
    const connection = await mysql.createConnection(server.url);
    await connection.query(JOB_STATUS_SQL.mysql.create);
    for (const report of REPORTS) {
      await connection.query(JOB_STATUS_SQL.mysql.upsert, upsertParameters(sightingOf(report)));
    }
    await connection.end();
    await tellsApart(server.url);

    await refusesWith(
      await server.database('without_table'),
      'missing',
      /table job_status does not exist$/,
      /^tmon db init mysql/,
    );
    const stranger = server.url.replace('secret', 'wrong');
    const error = await refusesWith(stranger, 'denied', /login failed/, /password/);
    assert.doesNotMatch(error.message, /:wrong@/);
  });
});

async function refusesWith(url: string, kind: string, message: RegExp, hint: RegExp) {
  const document = await checkOf(url);
  const error = document.sources[0]?.error;
  assert.ok(error, 'it was read');
  assert.equal(document.verdict, 'unknown');
  assert.equal(error.kind, kind);
  assert.match(error.message, message);
  assert.doesNotMatch(error.message, /\n/);
  assert.match(error.hint!, hint);
  return error;
}

describe('AWS', () => {
  let moto: TestServer;
  const cleaning: (() => void | Promise<void>)[] = [];
  const file: Cleaning = { after: (run) => void cleaning.push(run) };
  const client = () => ({ endpoint: moto.endpoint, region: 'us-east-1', credentials: motoCredentials });

  before(async () => {
    moto = await startMoto();
    setEnvironment(file, motoSettings(moto.endpoint));
  });
  after(async () => {
    for (const run of cleaning) await run();
    await moto.stop();
  });

  test('[B132] [B134] status files in a bucket', async (t) => {
    const s3 = new S3Client({ ...client(), forcePathStyle: true });
    t.after(() => s3.destroy());
    await s3.send(new CreateBucketCommand({ Bucket: 'status-bucket' }));
    const empty = await checkOf('s3://status-bucket');
    assert.deepEqual([empty.verdict, empty.sources[0]?.looked_at], ['unknown', 0]);
    for (const report of REPORTS) {
      const Body = writeStatusFile(sightingOf(report));
      await s3.send(new PutObjectCommand({ Bucket: 'status-bucket', Key: statusFileKey(report.job_id), Body }));
    }
    await tellsApart('s3://status-bucket');
    await refusesWith(
      's3://no-such-bucket',
      'missing',
      /bucket no-such-bucket does not exist/,
      /^aws s3 mb s3:\/\/no-such/,
    );
  });

  test('[B140] a table of DynamoDB', async (t) => {
    const dynamodb = new DynamoDBClient(client());
    t.after(() => dynamodb.destroy());
    await refusesWith('dynamodb://job_status', 'missing', /table job_status does not exist/, /^tmon db init dynamodb:/);
    await dynamodb.send(new CreateTableCommand(dynamoCreateTable('job_status')));
    for (const report of REPORTS) {
      await dynamodb.send(new UpdateItemCommand(dynamoUpdate('job_status', sightingOf(report))));
    }
    await tellsApart('dynamodb://job_status');
  });

  test('[B113] messages of a queue', async (t) => {
    const sqs = new SQSClient(client());
    t.after(() => sqs.destroy());
    await refusesWith(
      'sqs://reports',
      'missing',
      /queue reports does not exist/,
      /^aws sqs create-queue --queue-name reports/,
    );
    const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: 'reports' }));
    const text = (StringValue: string) => ({ StringValue, DataType: 'String' });
    for (const report of REPORTS) {
      const [start] = eventsOf(report);
      for (const event of eventsOf(report)) {
        const MessageAttributes = {
          JobId: text(event.job_id),
          StartTime: text(start!.timestamp),
          WorkerId: text(event.worker_id!),
        };
        await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(event), MessageAttributes }));
      }
    }
    const document = await tellsApart('sqs://reports');
    assert.deepEqual(document.sources[0]?.queue?.dead_letters, null);
    // A look takes nothing away.
    await tellsApart('sqs://reports');
  });

  test('[B110] a group of CloudWatch Logs', async (t) => {
    const logs = new CloudWatchLogsClient(client());
    t.after(() => logs.destroy());
    const logGroupName = '/aws/ec2/transcription';
    const url = `cloudwatch-logs://${logGroupName}`;
    await refusesWith(url, 'missing', /transcription/, /^aws logs create-log-group/);
    await logs.send(new CreateLogGroupCommand({ logGroupName }));
    for (const worker_id of new Set(REPORTS.map((report) => report.worker_id!))) {
      const stream = { logGroupName, logStreamName: worker_id };
      await logs.send(new CreateLogStreamCommand(stream));
      const logEvents = REPORTS.filter((report) => report.worker_id === worker_id)
        .flatMap(eventsOf)
        .map((event) => ({ timestamp: Date.parse(event.timestamp), message: formatLogLine(event) }))
        .sort((a, b) => a.timestamp - b.timestamp);
      await logs.send(new PutLogEventsCommand({ ...stream, logEvents }));
    }
    await tellsApart(url);
  });

  test('refused AWS credentials are one line with a hint', async (t) => {
    const enforce = (requests: string) =>
      fetch(`${moto.endpoint}/moto-api/reset-auth`, { method: 'POST', body: requests });
    await enforce('0');
    t.after(() => void enforce('Infinity'));
    const words = /AWS does not accept these credentials \(InvalidAccessKeyId: /;
    await refusesWith('s3://status-bucket', 'denied', words, /aws sts get-caller-identity/);
    // Here moto answers in a form that the SDK takes for none of the service's own errors.
    for (const [url, allow] of [
      ['dynamodb://job_status', /^allow dynamodb:Scan on it$/],
      ['sqs://reports', /sqs:ReceiveMessage/],
      ['cloudwatch-logs://group', /logs:/],
    ] as const) {
      await refusesWith(url, 'denied', /access to .* is denied$/, allow);
    }
  });

  test('an unreachable endpoint is one line with a hint', async (t) => {
    setEnvironment(t, { AWS_ENDPOINT_URL: 'http://127.0.0.1:9' });
    await refusesWith('s3://status-bucket', 'unreachable', /no response from AWS: .*ECONNREFUSED/, /AWS_ENDPOINT_URL/);
  });
});

test('[B110] a monitor: a hanging job is stuck, and a killed worker is its own alert', async (t) => {
  const clock = new JumpingClock();
  const monitor = await openMonitor(t, { clock });
  const runs = await hold(monitor, {}, 'worker-runs');
  const hangs = await hold(monitor, {}, 'worker-hangs');
  const killed = await hold(monitor, {}, 'worker-killed');
  await complete(monitor, await hold(monitor, {}, 'worker-runs'));
  const progress = (held: typeof runs, percentage: number) =>
    monitor.put(`/jobs/${held.id}/progress`, { lease_token: held.token, percentage, stage: 'TRANSCRIBING' });
  for (const held of [runs, hangs, killed]) assert.equal((await progress(held, 10)).status, 202);
  for (let minute = 1; minute <= 40; minute += 1) {
    clock.jump(20_000);
    await beat(runs, 'worker-runs');
    await beat(hangs, 'worker-hangs');
    clock.jump(20_000);
    await beat(runs, 'worker-runs');
    await beat(hangs, 'worker-hangs');
    clock.jump(20_000);
    await beat(runs, 'worker-runs');
    await beat(hangs, 'worker-hangs');
    await progress(runs, 10 + minute * 2);
  }
  async function beat(held: typeof runs, worker_id: string) {
    await monitor.post(`/workers/${worker_id}/heartbeat`, { health: {}, leases: [held.token] });
  }
  const document = await checkOf(monitor.url, clock.now());
  const kinds = document.problems.map(({ kind, subject, says }) =>
    kind === 'alert' ? `alert ${says}` : `${kind} ${subject}`,
  );
  assert.ok(kinds.includes(`job_stuck ${hangs.id}`), kinds.join('\n'));
  assert.ok(!kinds.includes(`job_stuck ${runs.id}`), kinds.join('\n'));
  assert.ok(
    kinds.some((kind) => /^alert .*worker-killed/.test(kind)),
    kinds.join('\n'),
  );
  assert.ok(document.sources[0]?.queue);
});
