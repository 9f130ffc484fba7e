/**
 * Messages in an SQS queue: the event's JSON as body, `JobId`, `StartTime` and `WorkerId` as attributes. A sent message
 * can't be changed, so each event is a message of its own.
 */
import type { MessageAttributeValue, SendMessageBatchRequestEntry, SQSClient } from '@aws-sdk/client-sqs';
import { formatTime } from '../../../../protocol/time.ts';
import { awsConfig, awsFailure } from '../aws.ts';
import { allOf, type Refusal, type Report, type Sink, SinkError } from '../report.ts';

/** Limits of SendMessageBatch. */
const MESSAGES_MAX = 10;
const BYTES_MAX = 256 * 1024;
/** Reserve for attributes, which count too. */
const BYTES_PER_MESSAGE = 512;

export class SqsSink implements Sink {
  readonly name: string;
  readonly linger_ms = 100;
  readonly #queue: string;
  #url: string | null;
  #client: SQSClient | null = null;

  /** Exactly one of the two is set. */
  constructor({ queue, queue_url }: { queue: string | null; queue_url: string | null }) {
    this.name = `sqs://${queue ?? queue_url}`;
    this.#queue = queue ?? queue_url!.split('/').at(-1)!;
    this.#url = queue_url;
  }

  async send(batch: readonly Report[]): Promise<readonly Refusal[]> {
    const { GetQueueUrlCommand, SQSClient } = await import('@aws-sdk/client-sqs');
    try {
      this.#client ??= new SQSClient(awsConfig());
      this.#url ??= (await this.#client.send(new GetQueueUrlCommand({ QueueName: this.#queue }))).QueueUrl ?? null;
      const refusals: Refusal[] = [];
      for (const reports of requestsOf(batch)) refusals.push(...(await this.#sendBatch(this.#client, reports)));
      return refusals;
    } catch (error) {
      if (error instanceof SinkError) throw error;
      throw awsFailure(error, {
        what: `queue ${this.#queue}`,
        make: `aws sqs create-queue --queue-name ${this.#queue}`,
      });
    }
  }

  async close(): Promise<void> {
    this.#client?.destroy();
  }

  async #sendBatch(client: SQSClient, reports: readonly Report[]): Promise<Refusal[]> {
    const { SendMessageBatchCommand } = await import('@aws-sdk/client-sqs');
    const fifo = this.#queue.endsWith('.fifo');
    const Entries = reports.map((report, at) => entryOf(report, at, fifo));
    const { Failed = [] } = await client.send(new SendMessageBatchCommand({ QueueUrl: this.#url!, Entries }));
    const theirs = Failed.find(({ SenderFault }) => !SenderFault);
    if (theirs) throw new SinkError(`queue ${this.#queue}: ${theirs.Code} ${theirs.Message ?? ''}`);
    return Failed.map(({ Id, Code, Message }) => ({ report: reports[Number(Id)]!, why: `${Code} ${Message ?? ''}` }));
  }
}

/** The documented attributes. */
export function attributesOf({ job_id, event, sighting }: Report): Record<string, MessageAttributeValue> {
  const words = {
    JobId: UNSENDABLE.test(event.job_id) ? job_id : event.job_id,
    ...(sighting.started_ms === null ? {} : { StartTime: formatTime(sighting.started_ms) }),
    WorkerId: event.worker_id,
  };
  return Object.fromEntries(
    Object.entries(words).map(([name, StringValue]) => [name, { StringValue, DataType: 'String' }]),
  );
}

/** Characters that an attribute can't have. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are the point.
const UNSENDABLE = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/;

function entryOf(report: Report, at: number, fifo: boolean): SendMessageBatchRequestEntry {
  const { job_id } = report;
  const { event, timestamp } = report.event;
  return {
    Id: String(at),
    MessageBody: JSON.stringify(allOf(report)),
    MessageAttributes: attributesOf(report),
    ...(fifo
      ? {
          MessageGroupId: job_id,
          MessageDeduplicationId: `${job_id}-${event}-${timestamp}`.replace(
            /[^\w!"#$%&'()*+,./:;<=>?@[\\\]^`{|}~-]/g,
            '-',
          ),
        }
      : {}),
  };
}

function* requestsOf(batch: readonly Report[]): Generator<Report[]> {
  let request: Report[] = [];
  let bytes = 0;
  for (const report of batch) {
    const size = report.bytes + BYTES_PER_MESSAGE;
    if (request.length > 0 && (request.length >= MESSAGES_MAX || bytes + size > BYTES_MAX)) {
      yield request;
      request = [];
      bytes = 0;
    }
    request.push(report);
    bytes += size;
  }
  if (request.length > 0) yield request;
}
