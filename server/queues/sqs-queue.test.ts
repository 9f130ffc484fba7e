/** A monitor whose queue is SQS, over HTTP, with the queue of moto: what goes into the queue, what comes out, and what fails. */
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
import { motoSettings, startMoto } from '../../test/servers/moto.ts';
import { openMonitor } from '../../test/servers/monitor.ts';
import type { TestServer } from '../../test/servers/start.ts';
import { claim, complete, fail, register, submit } from '../../test/servers/steps.ts';

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

async function makeQueue(QueueName: string, Attributes: Record<string, string> = {}): Promise<string> {
  return (await sqs.send(new CreateQueueCommand({ QueueName, Attributes }))).QueueUrl!;
}

/** Looks at a message without hiding it. */
async function peek(QueueUrl: string): Promise<Message | undefined> {
  const look = new ReceiveMessageCommand({ QueueUrl, VisibilityTimeout: 0, MessageAttributeNames: ['All'] });
  return (await sqs.send(look)).Messages?.[0];
}

async function counts(QueueUrl: string): Promise<[visible: number, hidden: number]> {
  const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }));
  return [Number(Attributes!.ApproximateNumberOfMessages), Number(Attributes!.ApproximateNumberOfMessagesNotVisible)];
}

async function untilCounts(QueueUrl: string, visible: number, hidden: number): Promise<void> {
  for (let tries = 0; tries < 400; tries += 1) {
    const [v, h] = await counts(QueueUrl);
    if (v === visible && h === hidden) return;
  }
  assert.deepEqual(await counts(QueueUrl), [visible, hidden]);
}

const inQueue = (job: { state_history: { details: string }[] }) =>
  job.state_history.some(({ details }) => details === 'Message in SQS queue');

for (const name of ['jobs', 'jobs.fifo']) {
  test(`[A32] [B113] a submitted job has a message with JobId and StartTime, and its history says so (${name})`, async (t) => {
    const url = await makeQueue(name, name.endsWith('.fifo') ? { FifoQueue: 'true' } : {});
    const monitor = await openMonitor(t, { queue: `sqs://${name}` });
    const { job_id, created_at } = await submit(monitor);
    const job = await monitor.until(`/jobs/${job_id}`, inQueue);
    assert.deepEqual(
      job.state_history.map(({ state, details }: { state: string; details: string }) => [state, details]),
      [
        ['SUBMITTED', 'Job submitted to queue'],
        ['QUEUED', 'Message in SQS queue'],
      ],
    );
    await untilCounts(url, 1, 0);
    const message = await peek(url);
    assert.deepEqual(
      Object.entries(message!.MessageAttributes!).map(([key, { StringValue, DataType }]) => [key, StringValue, DataType]),
      [
        ['JobId', job_id, 'String'],
        ['StartTime', created_at, 'String'],
      ],
    );
    assert.equal(JSON.parse(message!.Body!).job_id, job_id);

    await register(monitor);
    const [held] = await claim(monitor);
    assert.equal(held?.id, job_id);
    await untilCounts(url, 0, 1);
    await complete(monitor, held!);
    await untilCounts(url, 0, 0);
  });
}
