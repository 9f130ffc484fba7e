/**
 * The rights of `--source sqs://…` on its queue. A receive would count toward dead letters, so it is asked for in a number that SQS
 * refuses; deletes and changes are of a receipt that does not exist.
 */
import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
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
];

export class QueueProbe {
  readonly #client: SQSClient;
  readonly #queue: string;
  #url: string | undefined;

  /** `queue`: its name or URL, `sqs://` before it or not. */
  constructor(queue: string) {
    const name = queue.replace(/^sqs:\/\//, '');
    const url = /^https?:\/\//.test(name) ? name : undefined;
    const region = /\bsqs\.([a-z0-9-]+)\./.exec(name)?.[1];
    this.#client = new SQSClient(url !== undefined && region !== undefined ? { region } : {});
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
      right('GetQueueAttributes', 'its depth, and whether it has dead letters', async () =>
        this.#client.send(new GetQueueAttributesCommand({ ...(await at()), AttributeNames: ['QueueArn'] })),
      ),
      right('ReceiveMessage', 'reading reports', async () =>
        this.#client.send(new ReceiveMessageCommand({ ...(await at()), MaxNumberOfMessages: TOO_MANY })),
      ),
      right('DeleteMessage', 'deleting reports that are in the journal', async () =>
        this.#client.send(new DeleteMessageCommand({ ...(await at()), ReceiptHandle: NO_RECEIPT })),
      ),
      right('ChangeMessageVisibility', 'giving back jobs that wait', async () => {
        const change = { ...(await at()), ReceiptHandle: NO_RECEIPT, VisibilityTimeout: 0 };
        await this.#client.send(new ChangeMessageVisibilityCommand(change));
      }),
    ];
  }

  close(): void {
    this.#client.destroy();
  }

  async #try(run: () => Promise<unknown>): Promise<Outcome> {
    try {
      await this.#find();
    } catch {
      // The first right names what is wrong.
      if (this.#url === undefined) return attempt(() => this.#find());
    }
    return attempt(run, REFUSED);
  }

  async #find(): Promise<string> {
    this.#url ??= (await this.#client.send(new GetQueueUrlCommand({ QueueName: this.#queue }))).QueueUrl!;
    return this.#url;
  }
}
