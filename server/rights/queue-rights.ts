/**
 * The rights of `--queue sqs://…` and `--source sqs://…` on their queue. A receive would count toward dead letters, so
 * it requests a number of messages that SQS refuses; deletes and changes use a receipt that does not exist, and sends
 * have no valid message.
 */
import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { attempt, type Outcome, type Right } from './right.ts';

const TOO_MANY = 11;
const NO_RECEIPT = 'AQEBdG1vbi1kb2N0b3I=';
const REFUSED = [
  'InvalidParameterValue',
  'ReadCountOutOfRange',
  'ReceiptHandleIsInvalid',
  'InvalidIdFormat',
  'MessageNotInflight',
  'EmptyBatchRequest',
];

/** `carries`: it carries the monitor's jobs; otherwise it is a source of reports. */
export type QueueUse = { queue: string; carries: boolean };

export class QueueProbe {
  readonly #client: SQSClient;
  readonly #queue: string;
  readonly #carries: boolean;
  #url: string | undefined;

  /** `queue`: its name or URL, with or without `sqs://`. */
  constructor({ queue, carries }: QueueUse) {
    const [name = '', query = ''] = queue.replace(/^sqs:\/\//, '').split(/\?(.*)/s);
    const url = /^https?:\/\//.test(name) ? name : undefined;
    const region = new URLSearchParams(query).get('region') ?? (url && /\bsqs\.([a-z0-9-]+)\./.exec(url)?.[1]);
    this.#client = new SQSClient(region ? { region } : {});
    this.#carries = carries;
    this.#url = url;
    this.#queue = name.split('/').at(-1)!;
  }

  async rights(caller: { partition: string; account: string }): Promise<Right[]> {
    const region = await this.#client.config.region();
    const resource = `arn:${caller.partition}:sqs:${region}:${caller.account}:${this.#queue}`;
    const right = (action: string, needed_for: string, run: () => Promise<unknown>): Right => ({
      action: `sqs:${action}`,
      resource,
      needed_for,
      expected: 'allowed',
      attempt: () => this.#try(run),
    });
    const at = async () => ({ QueueUrl: await this.#find() });
    return [
      right('GetQueueUrl', 'finding the queue by its name', () =>
        this.#client.send(new GetQueueUrlCommand({ QueueName: this.#queue })),
      ),
      right('GetQueueAttributes', 'its depth, and its dead letters', async () =>
        this.#client.send(new GetQueueAttributesCommand({ ...(await at()), AttributeNames: ['QueueArn'] })),
      ),
      ...(this.#carries
        ? [
            right('SendMessage', 'a message for each job that waits', async () =>
              this.#client.send(new SendMessageBatchCommand({ ...(await at()), Entries: [] })),
            ),
          ]
        : []),
      right(
        'ReceiveMessage',
        this.#carries ? 'handing out jobs, and recordings of others' : 'reading reports',
        async () => this.#client.send(new ReceiveMessageCommand({ ...(await at()), MaxNumberOfMessages: TOO_MANY })),
      ),
      right(
        'DeleteMessage',
        this.#carries ? 'deleting the messages of ended jobs' : 'deleting reports that are in the journal',
        async () => this.#client.send(new DeleteMessageCommand({ ...(await at()), ReceiptHandle: NO_RECEIPT })),
      ),
      right(
        'ChangeMessageVisibility',
        this.#carries ? 'hiding the messages of jobs that workers hold' : 'giving back jobs that wait',
        async () => {
          const change = { ...(await at()), ReceiptHandle: NO_RECEIPT, VisibilityTimeout: 0 };
          await this.#client.send(new ChangeMessageVisibilityCommand(change));
        },
      ),
    ];
  }

  close(): void {
    this.#client.destroy();
  }

  async #try(run: () => Promise<unknown>): Promise<Outcome> {
    try {
      await this.#find();
    } catch {
      // The first right reports what is wrong.
      if (this.#url === undefined) return attempt(() => this.#find());
    }
    return attempt(run, REFUSED);
  }

  async #find(): Promise<string> {
    this.#url ??= (await this.#client.send(new GetQueueUrlCommand({ QueueName: this.#queue }))).QueueUrl!;
    return this.#url;
  }
}
