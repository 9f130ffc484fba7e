/**
 * `sqs://queue`: its depth, and its messages. Two kinds are read: reports of a reporter (an event as JSON), and waiting
 * jobs (attributes `JobId` and `StartTime`, set when sent, and `WorkerId`, if known).
 *
 * Reading hides messages from others. After `done()` reports are deleted; everything else is returned to the queue at
 * the end, because waiting jobs belong to their workers. A receive counts toward dead letters, so a check every minute
 * would kill every waiting job: a peek does not receive from a queue with a dead-letter queue, nor does a reader once
 * it has met a job.
 */
import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ListDeadLetterSourceQueuesCommand,
  type Message,
  ReceiveMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { lenientTime, lenientWorkerId } from '../protocol/lenient-values.ts';
import { parseLogLine } from '../protocol/log-line.ts';
import { reportedId } from '../protocol/reported-id.ts';
import { mergeSightings, NOTHING_KNOWN, type Sighting } from '../protocol/sighting.ts';
import { readStatusFile } from '../protocol/status-file.ts';
import { awsConfig, withinLimit } from './aws/client.ts';
import { type AwsThing, awsError } from './aws/errors.ts';
import { inParallel } from './in-parallel.ts';
import type { DatedEvent } from './log-lines/dated-event.ts';
import { foldEvents } from './log-lines/fold.ts';
import type { QueueDepth, Reading, ReadOptions, Source, Unreadable } from './source.ts';
import { oldestMessageSeconds } from './sqs-age.ts';

/** Limit of a request to SQS. */
const BATCH = 10;
const PARALLEL = 8;
/** How long received messages are hidden at most: if we are killed, they return by themselves. */
const HIDDEN_SECONDS = 120;
/** A peek reads only the first messages, and must end before they return. */
const PEEK_MAX = 10_000;

export type SqsAddress = { queue: string | null; queue_url: string | null };

export class SqsQueue implements Source {
  readonly name: string;
  readonly #queue: string;
  readonly #client: SQSClient;
  readonly #thing: AwsThing;
  #url: string | undefined;
  /** Whether the last read found reports: their age does not matter, because they lie there until they are read. */
  #holdsReports = false;
  #holdsJobs = false;

  constructor(name: string, { queue, queue_url }: SqsAddress) {
    this.name = name;
    this.#queue = queue ?? queue_url!.split('/').at(-1)!;
    this.#url = queue_url ?? undefined;
    const config = awsConfig();
    // The URL of a queue also names its region.
    const region = /\bsqs\.([a-z0-9-]+)\./.exec(queue_url ?? '')?.[1];
    this.#client = withinLimit(new SQSClient(region === undefined ? config : { ...config, region }));
    this.#thing = {
      name,
      what: `queue ${this.#queue}`,
      make: `aws sqs create-queue --queue-name ${this.#queue}`,
      allow:
        'sqs:GetQueueUrl, sqs:GetQueueAttributes, sqs:ReceiveMessage, sqs:ChangeMessageVisibility and sqs:DeleteMessage',
    };
  }

  async *read({ since_ms, peek = false, signal }: ReadOptions): AsyncIterable<Reading> {
    const receives = peek || this.#holdsJobs ? (await this.#redrive(signal))?.maxReceiveCount : undefined;
    if (receives !== undefined) {
      const notes = [
        `its messages are not read: every receive counts toward the ${receives} after which a message becomes a dead letter`,
      ];
      yield { sightings: [], position: null, unreadable: [], notes, looked_at: 0, async done() {} };
      return;
    }
    this.#holdsReports = false;
    // Later messages are left for the next read: a busy queue would never be read to its end.
    const began_ms = Date.now();
    // SQS may deliver a message more than once; only its latest receipt deletes it.
    const held = new Map<string, Message>();
    try {
      for (let looked_at = 0; !peek || looked_at < PEEK_MAX; ) {
        const batch = await this.#receive(signal);
        if (batch.length === 0) return;
        const messages: Message[] = [];
        for (const message of batch) {
          if (!held.has(message.MessageId!)) messages.push(message);
          held.set(message.MessageId!, message);
        }
        looked_at += batch.length;
        yield {
          ...this.#tell(messages, since_ms),
          done: async () => {
            const reports = messages.filter(isReport).map(({ MessageId }) => held.get(MessageId!)!);
            await this.#delete(reports, signal);
            for (const { MessageId } of reports) held.delete(MessageId!);
          },
        };
        if (batch.every((message) => sentAt(message) > began_ms)) return;
      }
    } finally {
      await this.#giveBack([...held.values()]);
    }
  }

  async depth(signal: AbortSignal): Promise<QueueDepth> {
    const attributes = await this.#attributes(await this.#find(signal), signal);
    const redrive = readRedrive(attributes.RedrivePolicy);
    const [behind, isDeadLetterQueue] = await Promise.all([
      redrive === undefined ? null : this.#deadLetters(redrive.deadLetterTargetArn, signal),
      this.#isDeadLetterQueue(signal),
    ]);
    const visible = Number(attributes.ApproximateNumberOfMessages ?? 0);
    const waiting = visible + Number(attributes.ApproximateNumberOfMessagesDelayed ?? 0);
    const in_flight = Number(attributes.ApproximateNumberOfMessagesNotVisible ?? 0);
    const age =
      visible + in_flight === 0 || this.#holdsReports ? null : await oldestMessageSeconds(this.#queue, signal);
    const dead_letters = isDeadLetterQueue ? (behind ?? 0) + waiting + in_flight : behind;
    return { waiting, in_flight, oldest_seconds: age, dead_letters };
  }

  async close(): Promise<void> {
    this.#client.destroy();
  }

  #tell(messages: readonly Message[], since_ms: number): Omit<Reading, 'done'> {
    const events: DatedEvent[] = [];
    const unreadable: Unreadable[] = [];
    let others = 0;
    const sightings = new Map<string, Sighting>();
    const keep = (report: Sighting) => {
      const known = sightings.get(report.job_id);
      sightings.set(report.job_id, known === undefined ? report : mergeSightings(known, report));
    };
    for (const message of messages) {
      const report = readMessage(message);
      if (report === null) others += 1;
      if (report === null || (!('why' in report) && !isReport(message))) this.#holdsJobs = true;
      if (report === null) continue;
      if ('why' in report) unreadable.push({ where: `message ${message.MessageId}`, why: report.why });
      else if ('event' in report) events.push(report);
      else if (report.told_ms >= since_ms || report.state === 'QUEUED') keep(report);
    }
    if (events.length > 0) this.#holdsReports = true;
    // A queue has no order, so order by report time.
    const { sightings: folded, moved_ms } = foldEvents(events.sort(byTime), since_ms);
    for (const sighting of folded) keep(sighting);
    return {
      sightings: [...sightings.values()],
      moved_ms,
      position: null,
      unreadable,
      notes: others === 0 ? [] : ['messages without an attribute JobId are counted, but not known as jobs'],
      looked_at: messages.length,
    };
  }

  async #receive(signal: AbortSignal): Promise<Message[]> {
    const QueueUrl = await this.#find(signal);
    const receive = new ReceiveMessageCommand({
      QueueUrl,
      MaxNumberOfMessages: BATCH,
      MessageAttributeNames: ['All'],
      MessageSystemAttributeNames: ['SentTimestamp'],
      VisibilityTimeout: HIDDEN_SECONDS,
      // With a shorter wait, a response may be empty although there are messages.
      WaitTimeSeconds: 1,
    });
    const answers = await this.#ask(() =>
      inParallel(new Array<null>(PARALLEL).fill(null), PARALLEL, () =>
        this.#client.send(receive, { abortSignal: signal }),
      ),
    );
    return answers.flatMap(({ Messages = [] }) => Messages);
  }

  async #delete(messages: readonly Message[], signal: AbortSignal): Promise<void> {
    const QueueUrl = await this.#find(signal);
    await this.#ask(() =>
      inParallel(batches(messages), PARALLEL, async (batch) => {
        const Entries = batch.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }));
        await this.#client.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }), { abortSignal: signal });
      }),
    );
  }

  /** Also if the reader was stopped. Messages that can't be returned return by themselves. */
  async #giveBack(messages: readonly Message[]): Promise<void> {
    const QueueUrl = this.#url;
    await inParallel(batches(messages), PARALLEL, async (batch) => {
      const Entries = batch.map(({ ReceiptHandle }, index) => ({
        Id: String(index),
        ReceiptHandle,
        VisibilityTimeout: 0,
      }));
      await this.#client.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl, Entries }));
    }).catch(() => {});
  }

  async #find(signal: AbortSignal): Promise<string> {
    this.#url ??= await this.#ask(async () => {
      const find = new GetQueueUrlCommand({ QueueName: this.#queue });
      return (await this.#client.send(find, { abortSignal: signal })).QueueUrl!;
    });
    return this.#url;
  }

  async #attributes(QueueUrl: string, signal: AbortSignal): Promise<Partial<Record<string, string>>> {
    const get = new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] });
    return (await this.#ask(() => this.#client.send(get, { abortSignal: signal }))).Attributes ?? {};
  }

  async #redrive(signal: AbortSignal): Promise<RedrivePolicy | undefined> {
    return readRedrive((await this.#attributes(await this.#find(signal), signal)).RedrivePolicy);
  }

  /** Whether other queues send their dead letters to it; false without permission to ask. */
  async #isDeadLetterQueue(signal: AbortSignal): Promise<boolean> {
    const list = new ListDeadLetterSourceQueuesCommand({ QueueUrl: await this.#find(signal), MaxResults: 1 });
    try {
      const { queueUrls = [] } = await this.#client.send(list, { abortSignal: signal });
      return queueUrls.length > 0;
    } catch {
      signal.throwIfAborted();
      return false;
    }
  }

  /** Null without permission: a reader of the queue need not have access to its dead letters. */
  async #deadLetters(arn: string, signal: AbortSignal): Promise<number | null> {
    const [, , , , QueueOwnerAWSAccountId, QueueName] = arn.split(':');
    try {
      const find = new GetQueueUrlCommand({ QueueName, QueueOwnerAWSAccountId });
      const { QueueUrl } = await this.#client.send(find, { abortSignal: signal });
      const { ApproximateNumberOfMessages } = await this.#attributes(QueueUrl!, signal);
      return Number(ApproximateNumberOfMessages ?? 0);
    } catch {
      signal.throwIfAborted();
      return null;
    }
  }

  async #ask<T>(request: () => Promise<T>): Promise<T> {
    try {
      return await request();
    } catch (error) {
      throw awsError(error, this.#thing);
    }
  }
}

type RedrivePolicy = { deadLetterTargetArn: string; maxReceiveCount: number };

function readRedrive(text: string | undefined): RedrivePolicy | undefined {
  return text === undefined || text === '' ? undefined : (JSON.parse(text) as RedrivePolicy);
}

/** A message that is only a report, and has been read. */
function isReport({ Body = '' }: Message): boolean {
  const event = parseEvent(Body);
  return (event !== null && 'event' in event) || !('why' in readStatusFile(Body, 0));
}

const parseEvent = (body: string) => parseLogLine(body.startsWith('{"event"') ? `TRANSCRIPTION_EVENT ${body}` : body);

const sentAt = ({ Attributes }: Message): number => Number(Attributes?.SentTimestamp ?? 0);

const byTime = (a: DatedEvent, b: DatedEvent): number => a.timestamp_ms - b.timestamp_ms;

/**
 * An event or a status in its body; otherwise its attributes, which mean that the job waits, or which worker holds it. Null:
 * a message of others.
 */
function readMessage(message: Message): DatedEvent | Sighting | { why: string } | null {
  const { Body = '', MessageAttributes = {} } = message;
  const sent_ms = sentAt(message);
  const event = parseEvent(Body);
  if (event !== null && 'event' in event) return { ...event, timestamp_ms: event.timestamp_ms ?? sent_ms };
  if (event !== null) return event;
  const status = readStatusFile(Body, sent_ms);
  if (!('why' in status)) return status;
  const { JobId, StartTime, WorkerId } = MessageAttributes;
  if (JobId?.StringValue === undefined) return mentionsJob(Body) ? { why: status.why } : null;
  const id = reportedId(JobId.StringValue);
  if (id === null) return { why: `its JobId is ${JSON.stringify(JobId.StringValue)}, which cannot name a job` };
  const worker_id = lenientWorkerId(WorkerId?.StringValue);
  return {
    ...NOTHING_KNOWN,
    ...id,
    state: worker_id === null ? 'QUEUED' : 'PROCESSING',
    told_ms: sent_ms,
    worker_id,
    started_ms: worker_id === null ? null : lenientTime(StartTime?.StringValue),
  };
}

/** A damaged report; other bodies, such as the notification of an upload, are those of workers' own jobs. */
const mentionsJob = (body: string): boolean => /["']job_id["']/.test(body);

function batches(messages: readonly Message[]): Message[][] {
  const count = Math.ceil(messages.length / BATCH);
  return Array.from({ length: count }, (_, index) => messages.slice(index * BATCH, (index + 1) * BATCH));
}
