/** Reports to the services of AWS, on moto. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { CloudWatchLogsClient, CreateLogGroupCommand, FilterLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { CreateTableCommand, DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand, GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { CreateQueueCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { readRow } from '../../../protocol/job-status-rows.ts';
import { dynamoCreateTable, dynamoRow, dynamoSince } from '../../../protocol/job-status-table.ts';
import { readStatusFile, type StatusFile } from '../../../protocol/status-file.ts';
import { startMoto } from '../../../test/servers/moto.ts';
import type { TestServer } from '../../../test/servers/start.ts';
import { type Dropped, Reporter } from './reporter.ts';
import {
  assertLines,
  assertStates,
  DONE,
  FAILED,
  NEWER_AND_OLDER,
  openReporter,
  reportWithOldSpool,
  runWorker,
} from './testing-sinks.ts';

const later = (delay_ms: number, run: () => void) => {
  const timer = setTimeout(run, delay_ms);
  return () => clearTimeout(timer);
};

describe('AWS', () => {
  let moto: TestServer;
  const environment: Record<string, string> = {
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_REGION: 'eu-west-1',
  };
  before(async () => {
    moto = await startMoto();
    environment.AWS_ENDPOINT_URL = moto.endpoint;
    Object.assign(process.env, environment);
  });
  after(() => moto.stop());

  /** Reports one job to a system that can't be reached. */
  async function tryToTell(url: string): Promise<string> {
    const { reporter, warned } = openReporter(url);
    reporter.jobStart('job-1');
    const said = await warned;
    await reporter.close(0);
    return said;
  }

  test('[B118] [B126] cloudwatch-logs:// creates and writes a stream for the worker', async () => {
    const url = 'cloudwatch-logs:///aws/ec2/transcription';
    const logs = new CloudWatchLogsClient({});
    const logGroupName = '/aws/ec2/transcription';
    assert.match(
      await tryToTell(url),
      /log group \/aws\/ec2\/transcription does not exist \(aws logs create-log-group --log-group-name \/aws\/ec2\/transcription\)/,
    );
    await logs.send(new CreateLogGroupCommand({ logGroupName }));
    await runWorker(url);
    await runWorker(url, { WORKER_ID: 'worker:2' });
    const { events = [] } = await logs.send(new FilterLogEventsCommand({ logGroupName }));
    assert.deepEqual([...new Set(events.map(({ logStreamName }) => logStreamName))].sort(), ['worker-1', 'worker-2']);
    assertLines(events.filter(({ logStreamName }) => logStreamName === 'worker-1').map(({ message }) => message!));
  });

  test('a burst above the request limit of CloudWatch Logs, and a line above its event limit, are delivered', async () => {
    const logs = new CloudWatchLogsClient({});
    await logs.send(new CreateLogGroupCommand({ logGroupName: 'burst' }));
    const dropped: Dropped[] = [];
    const reporter = Reporter.fromUrl('cloudwatch-logs://burst/stream', {
      workerId: 'w',
      bufferMax: 50_000,
      onDropped: (one) => dropped.push(one),
    });
    for (let n = 0; n < 11_000; n += 1) reporter.jobStart(`job-${n}`, { audioUrl: `s3://audio/${'a'.repeat(100)}` });
    reporter.jobFailed('job-0', 'it broke', { extra: { trace: 'x'.repeat(300_000) } });
    await reporter.close(60_000);
    assert.deepEqual(dropped, []);
    let told = 0;
    let nextToken: string | undefined;
    do {
      const page = await logs.send(new FilterLogEventsCommand({ logGroupName: 'burst', nextToken }));
      told += page.events?.length ?? 0;
      nextToken = page.nextToken;
    } while (nextToken !== undefined);
    assert.equal(told, 11_001);
  });

  test('lines that CloudWatch Logs refuses are dropped, the others are delivered', async () => {
    const logs = new CloudWatchLogsClient({});
    await logs.send(new CreateLogGroupCommand({ logGroupName: 'odd-clock' }));
    const dropped: Dropped[] = [];
    let ahead_ms = 0;
    const reporter = Reporter.fromUrl('cloudwatch-logs://odd-clock', {
      workerId: 'w',
      clock: { now: () => Date.now() + ahead_ms, monotonic: () => performance.now(), after: later },
      onDropped: (one) => dropped.push(one),
      warn: () => {},
    });
    reporter.jobStart('job-now');
    ahead_ms = 5 * 3_600_000;
    reporter.jobStart('job-new');
    assert.equal(await reporter.flush(30_000), true);
    await reporter.close();
    assert.deepEqual(
      dropped.map(({ reason, event }) => [reason, event?.job_id]),
      [['refused', 'job-new']],
    );
    const { events = [] } = await logs.send(new FilterLogEventsCommand({ logGroupName: 'odd-clock' }));
    assert.deepEqual(
      events.map(({ message }) => /"job_id": "([^"]+)"/.exec(message!)?.[1]),
      ['job-now'],
    );
  });

  test('[B132] [B133] [B134] s3:// puts jobs/{job_id}.json into the bucket', async () => {
    assert.match(
      await tryToTell('s3://status-bucket'),
      /bucket status-bucket does not exist \(aws s3 mb s3:\/\/status-bucket\)/,
    );
    const s3 = new S3Client({ forcePathStyle: true });
    const Bucket = 'status-bucket';
    await s3.send(new CreateBucketCommand({ Bucket, CreateBucketConfiguration: { LocationConstraint: 'eu-west-1' } }));
    for (const [url, prefix] of [
      ['s3://status-bucket', ''],
      ['s3://status-bucket/team/a', 'team/a/'],
    ] as const) {
      await runWorker(url);
      const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: `${prefix}jobs/` }));
      const keys = Contents.map(({ Key }) => Key!);
      assert.deepEqual(keys, [`${prefix}jobs/${DONE}.json`, `${prefix}jobs/${FAILED}.json`]);
      const texts = keys.map(async (Key) =>
        (await s3.send(new GetObjectCommand({ Bucket, Key }))).Body!.transformToString(),
      );
      assertStates((await Promise.all(texts)).map((text) => readStatusFile(text, 0)));
    }
    await reportWithOldSpool('s3://status-bucket/late');
    for (const [job_id, status] of Object.entries(NEWER_AND_OLDER)) {
      const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key: `late/jobs/${job_id}.json` }));
      assert.equal((JSON.parse(await Body!.transformToString()) as StatusFile).status, status);
    }
  });

  test('[B112] [B113] sqs:// sends one message per event, with the documented attributes', async () => {
    assert.match(
      await tryToTell('sqs://transcription-status'),
      /queue transcription-status does not exist \(aws sqs create-queue --queue-name transcription-status\)/,
    );
    const sqs = new SQSClient({});
    const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: 'transcription-status' }));
    const { QueueUrl: fifo } = await sqs.send(
      new CreateQueueCommand({ QueueName: 'in-order.fifo', Attributes: { FifoQueue: 'true' } }),
    );
    for (const [url, queue] of [
      ['sqs://transcription-status', QueueUrl!],
      [`sqs://${QueueUrl}`, QueueUrl!],
      ['sqs://in-order.fifo', fifo!],
    ] as const) {
      await runWorker(url);
      const messages = [];
      for (;;) {
        const { Messages = [] } = await sqs.send(
          new ReceiveMessageCommand({
            QueueUrl: queue,
            MaxNumberOfMessages: 10,
            VisibilityTimeout: 300,
            MessageAttributeNames: ['All'],
          }),
        );
        if (Messages.length === 0) break;
        messages.push(...Messages);
      }
      const attributes = messages[0]!.MessageAttributes!;
      assert.deepEqual(
        { ...attributes, StartTime: { ...attributes.StartTime, StringValue: '…' } },
        {
          JobId: { StringValue: DONE, DataType: 'String' },
          StartTime: { StringValue: '…', DataType: 'String' },
          WorkerId: { StringValue: 'worker-1', DataType: 'String' },
        },
      );
      assert.match(attributes.StartTime!.StringValue!, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$/);
      assertLines(messages.map(({ Body }) => `TRANSCRIPTION_EVENT ${Body}`));
    }
  });

  test('[B140] dynamodb:// updates the item of each job', async () => {
    assert.match(
      await tryToTell('dynamodb://job_status'),
      /table job_status does not exist \(tmon db init dynamodb:\/\/job_status\)/,
    );
    const dynamo = new DynamoDBClient({});
    await dynamo.send(new CreateTableCommand(dynamoCreateTable('job_status')));
    await runWorker('dynamodb://job_status');
    const scan = async (since_ms: number) =>
      ((await dynamo.send(new ScanCommand(dynamoSince('job_status', since_ms)))).Items ?? []).map((item) =>
        dynamoRow(item),
      );
    const items = await scan(0);
    assertStates(items.map((item) => readRow(item)));
    assert.deepEqual(Object.keys(items.find(({ job_id }) => job_id === FAILED)!).sort(), [
      'error_message',
      'job_id',
      'percentage',
      'started_at',
      'status',
      'updated_at',
      'worker_id',
    ]);
    assert.deepEqual(await scan(Date.now() + 60_000), []);
    // A later report of another worker takes the item over and clears its error; an earlier one does not.
    const clock = { now: () => Date.now() + 60_000, monotonic: () => performance.now(), after: later };
    const taker = Reporter.fromUrl('dynamodb://job_status', { workerId: 'worker-2', clock });
    taker.jobStart(FAILED);
    assert.equal(await taker.flush(), true);
    await taker.close();
    const late = Reporter.fromUrl('dynamodb://job_status', { workerId: 'worker-3' });
    late.jobFailed(FAILED, 'lost');
    assert.equal(await late.flush(), true);
    await late.close();
    await reportWithOldSpool('dynamodb://job_status');
    const states = (await scan(0)).map(({ job_id, status }) => [job_id, status]);
    const { 'job-newer': newer, 'job-older': older } = Object.fromEntries(states) as Record<string, string>;
    assert.deepEqual({ 'job-newer': newer, 'job-older': older }, NEWER_AND_OLDER);
    const [taken] = (await scan(0)).filter(({ job_id }) => job_id === FAILED);
    assert.deepEqual([taken?.status, taken?.worker_id, taken?.error_message], ['PROCESSING', 'worker-2', undefined]);
  });
});
