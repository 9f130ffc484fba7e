/** A monitor whose queue is SQS, over HTTP, with the queue of moto behind a proxy with faults. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import type { Job } from '../../protocol/job.ts';
import { type Monitor, openMonitor } from '../../test/servers/monitor.ts';
import { motoSettings, startMoto } from '../../test/servers/moto.ts';
import { type SqsFaults, startSqsFaults } from '../../test/servers/sqs-faults.ts';
import type { TestServer } from '../../test/servers/start.ts';
import { claim, complete, fail, type Held, register, submit } from '../../test/servers/steps.ts';

let moto: TestServer;
let faults: SqsFaults;
let sqs: SQSClient;
const saved = { ...process.env };

before(async () => {
  moto = await startMoto();
  faults = await startSqsFaults(moto.endpoint);
  Object.assign(process.env, motoSettings(moto.endpoint), { AWS_ENDPOINT_URL_SQS: faults.endpoint });
  sqs = new SQSClient({ endpoint: moto.endpoint });
});
after(async () => {
  process.env = saved;
  sqs.destroy();
  await faults.stop();
  await moto.stop();
});

async function makeQueue(QueueName: string, Attributes: Record<string, string> = {}): Promise<string> {
  return (await sqs.send(new CreateQueueCommand({ QueueName, Attributes }))).QueueUrl!;
}

async function put(QueueUrl: string, body: unknown): Promise<string> {
  const MessageBody = typeof body === 'string' ? body : JSON.stringify(body);
  return (await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody }))).MessageId!;
}

/** Reads a message without hiding it. */
async function peek(QueueUrl: string): Promise<Message | undefined> {
  const look = new ReceiveMessageCommand({ QueueUrl, VisibilityTimeout: 0, MessageAttributeNames: ['All'] });
  return (await sqs.send(look)).Messages?.[0];
}

async function counts(QueueUrl: string): Promise<string> {
  const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }));
  const { ApproximateNumberOfMessages: visible, ApproximateNumberOfMessagesNotVisible: hidden } = Attributes!;
  return `${visible} visible, ${hidden} hidden`;
}

/** The queue's lines of /metrics. */
async function metricsOf(monitor: Monitor): Promise<Record<string, number>> {
  const { text } = await monitor.call('GET', '/metrics');
  const lines = text.matchAll(/^transcription_monitor_(sqs_\S+) (\S+)$/gm);
  return Object.fromEntries([...lines].map(([, name, value]) => [name!, Number(value)]));
}

/** Each poll is a request, so this waits at the pace of the queue. */
async function until<T>(read: () => Promise<T>, wanted: T): Promise<void> {
  let last = await read();
  for (let looks = 0; looks < 2_000 && last !== wanted; looks += 1) last = await read();
  assert.equal(last, wanted);
}

const inQueue = (job: Job) => job.state_history.some(({ details }) => details === 'Message in SQS queue');

/** Claims until there is a job. */
async function next(monitor: Monitor, worker_id = 'worker-1'): Promise<Held> {
  for (let tries = 0; tries < 30; tries += 1) {
    const [held] = await claim(monitor, worker_id);
    if (held) return held;
  }
  throw new Error('no job arrived');
}

for (const name of ['jobs', 'jobs.fifo']) {
  test(`[A32] [B113] a submitted job has a message with JobId and StartTime, and its history shows it (${name})`, async (t) => {
    const url = await makeQueue(name, name.endsWith('.fifo') ? { FifoQueue: 'true' } : {});
    const monitor = await openMonitor(t, { queue: `sqs://${name}` });
    const { job_id, created_at } = await submit(monitor);
    const job = await monitor.until<Job>(`/jobs/${job_id}`, inQueue);
    assert.deepEqual(
      job.state_history.map(({ state, details }) => [state, details]),
      [
        ['SUBMITTED', 'Job submitted to queue'],
        ['QUEUED', 'Message in SQS queue'],
      ],
    );
    await until(() => counts(url), '1 visible, 0 hidden');
    const { MessageAttributes = {}, Body = '' } = (await peek(url))!;
    assert.deepEqual(
      Object.entries(MessageAttributes).map(([key, { StringValue, DataType }]) => [key, StringValue, DataType]),
      [
        ['JobId', job_id, 'String'],
        ['StartTime', created_at, 'String'],
      ],
    );
    assert.equal(JSON.parse(Body).job_id, job_id);

    await register(monitor);
    const held = await next(monitor);
    assert.equal(held.id, job_id);
    await until(() => counts(url), '0 visible, 1 hidden');
    await complete(monitor, held);
    await until(() => counts(url), '0 visible, 0 hidden');
  });
}

test('[A21] [A75] messages delivered twice, in reverse, and sent twice because responses were lost: each job is handed out once', async (t) => {
  const url = await makeQueue('twice');
  const monitor = await openMonitor(t, { queue: 'sqs://twice' });
  faults.twice = true;
  t.after(() => {
    faults.twice = false;
  });
  faults.lose.add('SendMessageBatch').add('DeleteMessageBatch');
  const jobs = Array.from({ length: 12 }, (_, n) => ({ audio_url: `s3://audio/${n}.mp3` }));
  await monitor.post('/jobs/batch', { jobs });
  await register(monitor, 'worker-1');
  await register(monitor, 'worker-2');
  const seen: string[] = [];
  const work = async (worker_id: string) => {
    while (seen.length < jobs.length) {
      for (const held of await claim(monitor, worker_id, 3)) {
        seen.push(held.id);
        await complete(monitor, held);
      }
    }
  };
  await Promise.all([work('worker-1'), work('worker-2')]);
  assert.equal(new Set(seen).size, 12);
  assert.equal(seen.length, 12);
  // The duplicates of ended jobs are deleted when they are received.
  await until(() => counts(url), '0 visible, 0 hidden');
  const queue = await monitor.until('/queues/main', ({ messages_visible }) => messages_visible === 0);
  assert.deepEqual([queue.messages_inflight, queue.age_oldest_message], [0, null]);
});

test('a job that is handed back is claimed by the same message; after a failure it has a new one', async (t) => {
  const url = await makeQueue('handed-back');
  const monitor = await openMonitor(t, { queue: 'sqs://handed-back' });
  await register(monitor);
  const { job_id } = await submit(monitor);
  const first = await next(monitor);
  const sent = () => faults.counts.get('SendMessageBatch') ?? 0;
  const before = sent();
  const handed = { code: 'worker_drained', message: 'it stops', retryable: true };
  await monitor.post(`/jobs/${job_id}/fail`, { lease_token: first.token, error: handed });
  const second = await next(monitor);
  assert.equal(second.id, job_id);
  assert.equal(sent(), before);
  await fail(monitor, second, true);
  const third = await next(monitor);
  assert.equal(third.attempt.number, 2);
  assert.equal(sent(), before + 1);
  await complete(monitor, third);
  await until(() => counts(url), '0 visible, 0 hidden');
});

test('[A22] [A76] [A77] messages of purged and dead jobs are deleted; a redriven job has a new one', async (t) => {
  const url = await makeQueue('purged');
  const monitor = await openMonitor(t, { queue: 'sqs://purged' });
  await register(monitor);
  const doomed = await submit(monitor);
  await monitor.until(`/jobs/${doomed.job_id}`, inQueue);
  const { body: purged } = await monitor.post('/queues/main/purge');
  assert.deepEqual(purged.job_ids, [doomed.job_id]);
  // No worker claims: messages in the queue are received as messages of others would be.
  await until(() => counts(url), '0 visible, 0 hidden');

  const { job_id } = await submit(monitor);
  await fail(monitor, await next(monitor));
  await until(() => counts(url), '0 visible, 0 hidden');
  assert.equal((await monitor.get('/queues/dlq')).body.messages_visible, 1);
  await monitor.post('/queues/dlq/redrive');
  const held = await next(monitor);
  assert.equal(held.id, job_id);
  await complete(monitor, held);
});

test('messages of others become jobs, once each; an invalid one stays, and the figures of SQS include it', async (t) => {
  const url = await makeQueue('ingest');
  const rules = '[{"prefix": "s3://calls/", "options": {"priority": "high"}}]';
  const monitor = await openMonitor(t, { queue: 'sqs://ingest', ingest_rules: rules });
  const object = { bucket: { name: 'calls' }, object: { key: 'a+b.mp3', size: 9, sequencer: '01' } };
  const event = { Records: [{ eventSource: 'aws:s3', eventName: 'ObjectCreated:Put', s3: object }] };
  await put(url, { audio_url: 's3://audio/1.mp3', tags: ['mine'] });
  await put(url, event);
  await put(url, { Type: 'Notification', Message: JSON.stringify(event) });
  await put(url, { Event: 's3:TestEvent' });
  await put(url, 'hello');
  await register(monitor);
  const held = [await next(monitor), await next(monitor)];
  for (const one of held) await complete(monitor, one);
  await until(() => counts(url), '0 visible, 1 hidden');
  const { body } = await monitor.get('/jobs');
  assert.deepEqual(body.items.map((job: Job) => [job.input.s3_path, job.priority, job.state]).sort(), [
    ['s3://audio/1.mp3', 'normal', 'COMPLETED'],
    ['s3://calls/a b.mp3', 'high', 'COMPLETED'],
  ]);
  const { sqs: figures } = (await monitor.get('/queues/main')).body;
  assert.deepEqual(
    { ...figures, read_at: '' },
    {
      url: 'sqs://ingest',
      messages_visible: 0,
      messages_inflight: 1,
      messages_delayed: 0,
      messages_not_understood: 1,
      problem: null,
      read_at: '',
    },
  );
  const metrics = await metricsOf(monitor);
  assert.deepEqual(metrics, {
    sqs_up: 1,
    'sqs_messages{state="visible"}': 0,
    'sqs_messages{state="inflight"}': 1,
    'sqs_messages{state="delayed"}': 0,
    sqs_messages_not_understood_total: 1,
  });
});

test('a queue that is missing, or that the monitor may not use, ends the start with one line and a hint', async (t) => {
  await assert.rejects(openMonitor(t, { queue: 'sqs://nowhere' }), {
    code: 'queue_missing',
    hint: /aws sqs create-queue --queue-name nowhere/,
  });
  await makeQueue('denied');
  for (const [action, permission] of [
    ['ReceiveMessage', 'sqs:ReceiveMessage'],
    ['SendMessageBatch', 'sqs:SendMessage'],
  ] as const) {
    faults.denied.add(action);
    await assert.rejects(openMonitor(t, { queue: 'sqs://denied' }), {
      code: 'aws_denied',
      message: `queue sqs://denied: the monitor lacks the permission ${permission}`,
      hint: /aws iam put-role-policy .*arn:aws:sqs:us-east-1:\d+:denied/,
    });
    faults.denied.clear();
  }
  await assert.rejects(openMonitor(t, { queue: 'kafka://x' }), { code: 'bad_queue_url' });
});

test('a queue that fails later is a note in /readyz: jobs are accepted, and handed out once it is back', async (t) => {
  await makeQueue('fails');
  const monitor = await openMonitor(t, { queue: 'sqs://fails' });
  await register(monitor);
  const all = ['SendMessageBatch', 'ReceiveMessage', 'GetQueueAttributes'];
  for (const action of all) faults.denied.add(action);
  const { job_id } = await submit(monitor);
  const readyz = async () => (await monitor.call('GET', '/readyz')).body;
  await until(async () => (await readyz()).queue !== undefined, true);
  assert.equal((await readyz()).status, 'ready');
  assert.match((await readyz()).queue.problem, /lacks the permission sqs:/);
  assert.deepEqual(await claim(monitor), []);
  const { sqs: figures } = (await monitor.get('/queues/main')).body;
  assert.equal(figures.messages_visible, null);
  assert.match(figures.problem, /sqs:GetQueueAttributes/);
  assert.deepEqual(await metricsOf(monitor), { sqs_up: 0, sqs_messages_not_understood_total: 0 });
  faults.denied.clear();
  const held = await next(monitor);
  assert.equal(held.id, job_id);
  await until(async () => (await readyz()).queue, undefined);
});
