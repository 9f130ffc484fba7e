/**
 * An SQS queue over the AWS SDK. Endpoint, credentials and region come from the AWS chain; `AWS_ENDPOINT_URL_SQS`
 * works.
 */
import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { MonitorError } from '../../protocol/errors.ts';
import type { QueueFigures } from './job-queue.ts';
import type { Hiding, MessageQueue, Outgoing, Received, ReceiveOptions } from './message-queue.ts';
import type { SqsQueueUrl } from './queue-url.ts';
import { sqsError } from './sqs-error.ts';
import { checkRights } from './sqs-rights.ts';

const CONNECT_TIMEOUT_MS = 3_000;
/** Longer than the longest wait for a message. */
const REQUEST_TIMEOUT_MS = 30_000;
const SOCKETS = 64;

export class SqsClient implements MessageQueue {
  readonly url: string;
  readonly #address: SqsQueueUrl;
  readonly #client: SQSClient;
  #queue_url = '';
  #arn: string | null = null;

  /** Finds the queue and checks the monitor's permissions on it. Throws MonitorError. */
  static async open(address: SqsQueueUrl): Promise<SqsClient> {
    const queue = new SqsClient(address);
    try {
      await queue.#find();
    } catch (error) {
      queue.close();
      throw error;
    }
    return queue;
  }

  private constructor(address: SqsQueueUrl) {
    const { url, region, endpoint } = address;
    this.url = url;
    this.#address = address;
    this.#client = new SQSClient({
      ...(region === null ? {} : { region }),
      ...(endpoint === null ? {} : { endpoint }),
      // The address that a queue reports of itself leads past proxies and private endpoints.
      useQueueUrlAsEndpoint: false,
      maxAttempts: 3,
      requestHandler: {
        connectionTimeout: CONNECT_TIMEOUT_MS,
        requestTimeout: REQUEST_TIMEOUT_MS,
        throwOnRequestTimeout: true,
        httpAgent: { keepAlive: true, maxSockets: SOCKETS },
        httpsAgent: { keepAlive: true, maxSockets: SOCKETS },
      },
    });
  }

  async #find(): Promise<void> {
    const { queue_url, name, url } = this.#address;
    await this.#client.config.region().catch((cause: Error) => {
      throw new MonitorError('invalid', 'no_aws_region', `the queue ${url} has no AWS region`, {
        hint: `Set AWS_REGION, or use sqs://${name}?region=eu-central-1.`,
        cause,
      });
    });
    this.#queue_url =
      queue_url ??
      (await this.#ask('sqs:GetQueueUrl', () => this.#client.send(new GetQueueUrlCommand({ QueueName: name }))))
        .QueueUrl!;
    const { QueueArn = null } = await this.#attributes(['QueueArn']);
    this.#arn = QueueArn;
    await checkRights(this.#client, this.#queue_url, (action, request) => this.#ask(action, request));
  }

  async send(messages: readonly Outgoing[]): Promise<(string | null)[]> {
    const { fifo } = this.#address;
    const Entries = messages.map(({ body, attributes, group, deduplication, delay_seconds }, index) => ({
      Id: String(index),
      MessageBody: body,
      MessageAttributes: Object.fromEntries(
        Object.entries(attributes).map(([name, StringValue]) => [name, { StringValue, DataType: 'String' }]),
      ),
      ...(fifo ? { MessageGroupId: group, MessageDeduplicationId: deduplication } : { DelaySeconds: delay_seconds }),
    }));
    const { Successful = [] } = await this.#ask('sqs:SendMessage', () =>
      this.#client.send(new SendMessageBatchCommand({ QueueUrl: this.#queue_url, Entries })),
    );
    const ids = new Map(Successful.map(({ Id, MessageId }) => [Id, MessageId]));
    return messages.map((_, index) => ids.get(String(index)) ?? null);
  }

  async receive({ max, wait_seconds, hidden_seconds, signal }: ReceiveOptions): Promise<Received[]> {
    const receive = new ReceiveMessageCommand({
      QueueUrl: this.#queue_url,
      MaxNumberOfMessages: max,
      WaitTimeSeconds: wait_seconds,
      VisibilityTimeout: hidden_seconds,
    });
    const { Messages = [] } = await this.#ask('sqs:ReceiveMessage', () =>
      this.#client.send(receive, { abortSignal: signal }),
    );
    return Messages.map(({ MessageId = '', ReceiptHandle = '', Body = '' }) => ({
      message_id: MessageId,
      receipt: ReceiptHandle,
      body: Body,
    }));
  }

  async hide(entries: readonly Hiding[]): Promise<boolean[]> {
    const Entries = entries.map(({ receipt, seconds }, index) => ({
      Id: String(index),
      ReceiptHandle: receipt,
      VisibilityTimeout: seconds,
    }));
    const { Successful = [] } = await this.#ask('sqs:ChangeMessageVisibility', () =>
      this.#client.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl: this.#queue_url, Entries })),
    );
    const hidden = new Set(Successful.map(({ Id }) => Id));
    return entries.map((_, index) => hidden.has(String(index)));
  }

  async delete(receipts: readonly string[]): Promise<void> {
    const Entries = receipts.map((ReceiptHandle, index) => ({ Id: String(index), ReceiptHandle }));
    await this.#ask('sqs:DeleteMessage', () =>
      this.#client.send(new DeleteMessageBatchCommand({ QueueUrl: this.#queue_url, Entries })),
    );
  }

  async figures(): Promise<QueueFigures> {
    const attributes = await this.#attributes([
      'ApproximateNumberOfMessages',
      'ApproximateNumberOfMessagesNotVisible',
      'ApproximateNumberOfMessagesDelayed',
    ]);
    return {
      messages_visible: Number(attributes.ApproximateNumberOfMessages ?? 0),
      messages_inflight: Number(attributes.ApproximateNumberOfMessagesNotVisible ?? 0),
      messages_delayed: Number(attributes.ApproximateNumberOfMessagesDelayed ?? 0),
    };
  }

  close(): void {
    this.#client.destroy();
  }

  async #attributes(AttributeNames: ('QueueArn' | `ApproximateNumberOfMessages${'' | 'NotVisible' | 'Delayed'}`)[]) {
    const get = new GetQueueAttributesCommand({ QueueUrl: this.#queue_url, AttributeNames });
    const { Attributes } = await this.#ask('sqs:GetQueueAttributes', () => this.#client.send(get));
    return (Attributes ?? {}) as Partial<Record<string, string>>;
  }

  async #ask<T>(action: string, request: () => Promise<T>): Promise<T> {
    try {
      return await request();
    } catch (error) {
      throw sqsError(error, { url: this.url, name: this.#address.name, arn: this.#arn }, action);
    }
  }
}
