/** Turns a failed request to SQS into one MonitorError: what failed, and the command that fixes it. */
import { MonitorError } from '../../protocol/errors.ts';

type Failure = Error & { $metadata?: { httpStatusCode?: number }; code?: string };

export type SqsPlace = { url: string; name: string; arn: string | null };

const MISSING = new Set(['QueueDoesNotExist', 'AWS.SimpleQueueService.NonExistentQueue']);
const DENIED = new Set([
  'AccessDenied',
  'AccessDeniedException',
  'AuthorizationError',
  'KMS.AccessDeniedException',
  'KmsAccessDenied',
]);
const CREDENTIALS =
  /^(CredentialsProviderError|TokenProviderError|InvalidClientTokenId|InvalidAccessKeyId|SignatureDoesNotMatch|InvalidSignatureException|UnrecognizedClientException|IncompleteSignature|ExpiredToken|ExpiredTokenException|RequestExpired|InvalidSecurity)$/;

export const isDenied = (error: unknown): boolean =>
  DENIED.has((error as Failure).name) || (error as Failure).$metadata?.httpStatusCode === 403;

/** `action`: the permission that the request needs, such as `sqs:ReceiveMessage`. */
export function sqsError(error: unknown, { url, name, arn }: SqsPlace, action: string): MonitorError {
  if (error instanceof MonitorError) return error;
  const failure = error as Failure;
  // An AggregateError, for a name with several addresses, has no message itself.
  const words = failure.message || failure.code || failure.name;
  const make = (kind: 'conflict' | 'forbidden' | 'unavailable', code: string, message: string, hint: string) =>
    new MonitorError(kind, code, `queue ${url}: ${message}`, { hint, cause: error });

  if (MISSING.has(failure.name)) {
    const fifo = name.endsWith('.fifo') ? ' --attributes FifoQueue=true' : '';
    const hint = `Create it: aws sqs create-queue --queue-name ${name}${fifo}. AWS_REGION or ?region= selects the region.`;
    return make('conflict', 'queue_missing', 'the queue does not exist', hint);
  }
  if (CREDENTIALS.test(failure.name)) {
    const hint = '`aws sts get-caller-identity` shows the identity; AWS_PROFILE or the machine’s role selects another.';
    return make('forbidden', 'aws_credentials', `AWS does not accept the monitor’s credentials: ${words}`, hint);
  }
  if (isDenied(error)) {
    const missing = /not authorized to perform: ?([a-z0-9-]+:[A-Za-z]+)/i.exec(words)?.[1] ?? action;
    return make('forbidden', 'aws_denied', `the monitor lacks the permission ${missing}`, grant(missing, arn));
  }
  return make('unavailable', 'queue_failed', `${action} failed: ${failure.name}: ${words}`, REACHABLE);
}

/** The command that grants this permission to a role. */
function grant(action: string, arn: string | null): string {
  const statement = { Effect: 'Allow', Action: action, Resource: arn ?? '*' };
  const policy = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
  const name = action.replace(':', '-');
  return `aws iam put-role-policy --role-name ROLE --policy-name ${name} --policy-document '${policy}'`;
}

const REACHABLE = 'Check that the endpoint (AWS_ENDPOINT_URL_SQS, AWS_REGION) is reachable from here.';
