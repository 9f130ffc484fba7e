/**
 * Checks at the start whether the monitor has the permissions on SQS that it needs, by requests that a queue must
 * refuse for their values: SQS checks the permission first, so a missing one shows, and nothing else happens.
 */
import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { isDenied } from './sqs-error.ts';

const NO_RECEIPT = 'none';
const TOO_MANY = 11;

/** `ask` makes a MonitorError of the failure of a request that needs this permission. Throws it if one is missing. */
export async function checkRights(
  client: SQSClient,
  QueueUrl: string,
  ask: (action: string, request: () => Promise<unknown>) => Promise<unknown>,
): Promise<void> {
  const receive = new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: TOO_MANY });
  const hide = new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle: NO_RECEIPT, VisibilityTimeout: 0 });
  const remove = new DeleteMessageCommand({ QueueUrl, ReceiptHandle: NO_RECEIPT });
  const send = new SendMessageBatchCommand({ QueueUrl, Entries: [] });
  const probes: [string, () => Promise<unknown>][] = [
    ['sqs:SendMessage', () => client.send(send)],
    ['sqs:ReceiveMessage', () => client.send(receive)],
    ['sqs:ChangeMessageVisibility', () => client.send(hide)],
    ['sqs:DeleteMessage', () => client.send(remove)],
  ];
  for (const [action, probe] of probes) {
    await ask(action, () =>
      probe().catch((error: unknown) => {
        if (isDenied(error)) throw error;
      }),
    );
  }
}
