/** A queue is read without consuming it, and consumed only once its reports are stored. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text as readText } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { CloudWatchClient, PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  type MessageAttributeValue,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import type { Sighting } from '../protocol/sighting.ts';
import { motoSettings, startMoto } from '../test/servers/moto.ts';
import type { TestServer } from '../test/servers/start.ts';
import { openSource } from './open-source.ts';
import type { ReadOptions, Source } from './source.ts';

const { signal } = new AbortController();
const text = (StringValue: string): MessageAttributeValue => ({ StringValue, DataType: 'String' });

let moto: TestServer;
let sqs: SQSClient;
const saved = { ...process.env };

before(async () => {
  moto = await startMoto();
  Object.assign(process.env, motoSettings(moto.endpoint));
  sqs = new SQSClient({});
});
after(async () => {
  process.env = saved;
  sqs.destroy();
  await moto.stop();
});

async function queue(QueueName: string, Attributes: Record<string, string> = {}): Promise<string> {
  return (await sqs.send(new CreateQueueCommand({ QueueName, Attributes }))).QueueUrl!;
}

async function send(
  QueueUrl: string,
  MessageBody: string,
  MessageAttributes: Record<string, MessageAttributeValue> = {},
) {
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody, MessageAttributes }));
}

async function visible(QueueUrl: string): Promise<[waiting: number, in_flight: number]> {
  const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }));
  return [Number(Attributes!.ApproximateNumberOfMessages), Number(Attributes!.ApproximateNumberOfMessagesNotVisible)];
}

/** `keep`: the reports are stored. */
async function readAll(source: Source, options: Partial<ReadOptions> & { keep?: boolean } = {}) {
  const { keep = false, ...rest } = options;
  const sightings: Sighting[] = [];
  const unreadable: string[] = [];
  const notes: string[] = [];
  for await (const reading of source.read({ since_ms: 0, signal, ...rest })) {
    sightings.push(...reading.sightings);
    unreadable.push(...reading.unreadable.map(({ why }) => why));
    notes.push(...(reading.notes ?? []));
    if (keep) await reading.done();
  }
  return { sightings: sightings.sort((a, b) => (a.job_id < b.job_id ? -1 : 1)), unreadable, notes };
}

async function opened(t: { after(run: () => Promise<void>): void }, url: string): Promise<Source> {
  const source = await openSource(url);
  t.after(() => source.close());
  return source;
}

test('[B113] attributes give the waiting job, its start time and its worker', async (t) => {
  const url = await queue('attributes');
  const StartTime = text('2025-07-07T19:30:00Z');
  await send(url, 's3://audio/a.mp3', { JobId: text('job-123'), StartTime });
  await send(url, 's3://audio/b.mp3', { JobId: text('job-124'), StartTime, WorkerId: text('worker-456') });
  await send(url, 'hello');
  await send(url, 's3://audio/c.mp3', { JobId: text('audio/c.mp3') });
  await send(url, 'hello', { JobId: text(' ') });
  await send(url, '{"event": "JOB_FAILED", "job_id": "job-1');
  const source = await opened(t, 'sqs://attributes');
  const { sightings, unreadable, notes } = await readAll(source, { peek: true });
  assert.deepEqual(
    sightings.map(({ job_id, reported_id, state, worker_id, started_ms }) => [
      reported_id ?? job_id,
      state,
      worker_id,
      started_ms,
    ]),
    [
      ['audio/c.mp3', 'QUEUED', null, null],
      ['job-123', 'QUEUED', null, null],
      ['job-124', 'PROCESSING', 'worker-456', Date.parse('2025-07-07T19:30:00Z')],
    ],
  );
  const [damaged, badId, ...more] = unreadable.sort();
  assert.match(damaged!, /^its JSON is cut/);
  assert.deepEqual([badId, more], ['its JobId is " ", which cannot name a job', []]);
  assert.deepEqual(notes, ['messages without an attribute JobId are counted, but not known as jobs']);
});

test('a message delivered more than once is reported once, and deleted', async (t) => {
  const url = await queue('more-than-once');
  await send(url, 'hello');
  await send(url, JSON.stringify({ event: 'JOB_START', job_id: 'job-1', timestamp: '2025-07-07T19:30:00Z' }));
  const repeating = createServer(async (asked, answer) => {
    const { 'x-amz-target': target = '', 'content-type': type = '', authorization = '' } = asked.headers;
    const headers = { 'x-amz-target': String(target), 'content-type': type, authorization };
    const body = await readText(asked);
    const answered = await fetch(`${moto.endpoint}${asked.url}`, { method: 'POST', headers, body });
    const told = (await answered.json()) as { Messages?: object[] };
    if (told.Messages) told.Messages.push(...told.Messages);
    // The queue's own URL would lead past us.
    const text = JSON.stringify(told).replaceAll(moto.endpoint, `http://${asked.headers.host}`);
    answer.writeHead(answered.status, { 'content-type': type }).end(text);
  }).listen(0, '127.0.0.1');
  await once(repeating, 'listening');
  process.env.AWS_ENDPOINT_URL = `http://127.0.0.1:${(repeating.address() as AddressInfo).port}`;
  t.after(() => {
    process.env.AWS_ENDPOINT_URL = moto.endpoint;
    repeating.closeAllConnections();
    repeating.close();
  });
  const source = await opened(t, 'sqs://more-than-once');
  const { sightings, unreadable } = await readAll(source, { keep: true });
  assert.deepEqual([sightings.length, unreadable], [1, []]);
  assert.deepEqual(await visible(url), [1, 0]);
});

test('a peek returns every message, even if stopped in the middle', async (t) => {
  const url = await queue('looked-at');
  for (let n = 0; n < 25; n += 1) await send(url, 'x', { JobId: text(`job-${n}`) });
  const source = await opened(t, 'sqs://looked-at');
  assert.equal((await readAll(source, { peek: true })).sightings.length, 25);
  assert.deepEqual(await visible(url), [25, 0]);
  for await (const { sightings } of source.read({ since_ms: 0, peek: true, signal })) {
    assert.ok(sightings.length > 0);
    break;
  }
  assert.deepEqual(await visible(url), [25, 0]);
});

test('stored reports are deleted, others return to the queue; waiting jobs are never taken', async (t) => {
  const url = await queue('consumed');
  for (let n = 0; n < 25; n += 1) {
    await send(url, JSON.stringify({ event: 'JOB_START', job_id: `job-${n}`, timestamp: '2025-07-07T19:30:00Z' }));
  }
  await send(url, 'x', { JobId: text('job-waits') });
  const source = await opened(t, `sqs://${url}`);
  await readAll(source);
  assert.deepEqual(await visible(url), [26, 0]);
  assert.equal((await readAll(source, { keep: true })).sightings.length, 26);
  assert.deepEqual(await visible(url), [1, 0]);
});

test('a busy queue is read up to its length at the start', {
  timeout: 120_000,
}, async (t) => {
  const url = await queue('busy');
  for (let n = 0; n < 15; n += 1) await send(url, 'x', { JobId: text(`job-${n}`) });
  let over = false;
  const writing = (async () => {
    for (let n = 0; !over; n += 1) await send(url, 'x', { JobId: text(`later-${n}`) });
  })();
  const source = await opened(t, 'sqs://busy');
  const { sightings } = await readAll(source, { peek: true });
  over = true;
  await writing;
  assert.equal(sightings.filter(({ job_id }) => job_id.startsWith('job-')).length, 15);
});

test('reports are merged by report time, in whatever order the queue delivers them', async (t) => {
  const url = await queue('reports');
  const event = (name: string, second: number, more: object = {}) =>
    JSON.stringify({
      event: name,
      job_id: 'job-1',
      worker_id: 'w',
      timestamp: `2025-07-07T19:30:0${second}Z`,
      ...more,
    });
  await send(url, event('JOB_COMPLETE', 3, { duration: 3 }));
  await send(url, event('JOB_START', 0));
  await send(url, event('JOB_PROGRESS', 2, { percentage: 90 }));
  const { sightings } = await readAll(await opened(t, 'sqs://reports'), { peek: true });
  assert.deepEqual(
    sightings.map(({ state, percentage, duration }) => [state, percentage, duration]),
    [['COMPLETED', 90, 3]],
  );
});

test('[B114] the depth: waiting, in flight, age of the oldest from CloudWatch, dead letters', async (t) => {
  const dead = await queue('jobs-dead');
  const { Attributes } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl: dead, AttributeNames: ['QueueArn'] }),
  );
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: Attributes!.QueueArn, maxReceiveCount: 3 });
  const url = await queue('jobs', { RedrivePolicy });
  for (const job_id of ['job-1', 'job-2', 'job-3']) await send(url, 'x', { JobId: text(job_id) });
  await send(dead, 'x', { JobId: text('job-4') });
  await sqs.send(new ReceiveMessageCommand({ QueueUrl: url, MaxNumberOfMessages: 1, VisibilityTimeout: 600 }));
  const source = await opened(t, 'sqs://jobs');
  assert.deepEqual(await source.depth!(signal), { waiting: 2, in_flight: 1, oldest_seconds: null, dead_letters: 1 });
  assert.equal((await (await opened(t, 'sqs://jobs-dead')).depth!(signal)).dead_letters, 1);

  const cloudwatch = new CloudWatchClient({});
  t.after(() => cloudwatch.destroy());
  await cloudwatch.send(
    new PutMetricDataCommand({
      Namespace: 'AWS/SQS',
      MetricData: [
        {
          MetricName: 'ApproximateAgeOfOldestMessage',
          Dimensions: [{ Name: 'QueueName', Value: 'jobs' }],
          Value: 2400,
          Timestamp: new Date(Date.now() - 120_000),
        },
      ],
    }),
  );
  assert.equal((await source.depth!(signal)).oldest_seconds, 2400);
});

test('a peek does not receive from a queue with dead letters: a check every minute must not kill waiting jobs', async (t) => {
  const dead = await queue('poison-dead');
  const { Attributes } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl: dead, AttributeNames: ['QueueArn'] }),
  );
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: Attributes!.QueueArn, maxReceiveCount: 2 });
  const url = await queue('poison', { RedrivePolicy });
  await send(url, 'x', { JobId: text('job-1') });
  const source = await opened(t, 'sqs://poison');
  for (let look = 0; look < 4; look += 1) {
    const { sightings, unreadable, notes } = await readAll(source, { peek: true });
    assert.deepEqual([sightings, unreadable], [[], []]);
    assert.match(notes[0]!, /not read: every receive counts toward the 2 /);
  }
  assert.deepEqual(await visible(url), [1, 0]);
  assert.deepEqual(await visible(dead), [0, 0]);
});
