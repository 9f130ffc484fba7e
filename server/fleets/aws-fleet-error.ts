/** Turns a failed AWS request of a fleet into one MonitorError: what failed, and the command that fixes it. */
import { MonitorError } from '../../protocol/errors.ts';

export type AwsFailure = Error & { $metadata?: { httpStatusCode?: number }; Code?: string };

/** Another market, another place or a later time may have an instance. */
const CAPACITY = new Set([
  'InsufficientInstanceCapacity',
  'InsufficientCapacity',
  'InsufficientHostCapacity',
  'SpotMaxPriceTooLow',
  'MaxSpotInstanceCountExceeded',
  'UnfulfillableCapacity',
]);
const QUOTA = new Set(['VcpuLimitExceeded', 'InstanceLimitExceeded', 'ResourceCountExceeded']);
const THROTTLED = new Set(['RequestLimitExceeded', 'Throttling', 'ThrottlingException', 'EC2ThrottledException']);
const DENIED = new Set(['UnauthorizedOperation', 'AccessDenied', 'AccessDeniedException', 'UnauthorizedAccess']);
const CREDENTIALS =
  /^(CredentialsProviderError|TokenProviderError|AuthFailure|InvalidClientTokenId|SignatureDoesNotMatch|ExpiredToken|ExpiredTokenException|RequestExpired|UnrecognizedClientException)$/;
const NO_TEMPLATE = /^InvalidLaunchTemplate(Name|Id)\./;

const THROTTLE_SECONDS = 10;

export const isCapacityError = (error: unknown): boolean => CAPACITY.has((error as AwsFailure).name);

/** A dry run that would have succeeded. */
export const wouldSucceed = (error: unknown): boolean => (error as AwsFailure).name === 'DryRunOperation';

export const isDenied = (error: unknown): boolean =>
  DENIED.has((error as AwsFailure).name) || (error as AwsFailure).$metadata?.httpStatusCode === 403;

/** `action`: the permission that the request needs, such as `ec2:RunInstances`. */
export function awsFleetError(error: unknown, fleet: string, action: string): MonitorError {
  if (error instanceof MonitorError) return error;
  const failure = error as AwsFailure;
  const words = failure.message || failure.name;
  const make = (
    kind: 'conflict' | 'forbidden' | 'unavailable',
    code: string,
    message: string,
    hint?: string,
    more: { retry_after_seconds?: number } = {},
  ) => new MonitorError(kind, code, `fleet ${fleet}: ${message}`, { hint, cause: error, ...more });

  if (CREDENTIALS.test(failure.name))
    return make('forbidden', 'aws_credentials', `AWS does not accept the monitor’s credentials: ${words}`, IDENTITY);
  if (isDenied(failure)) {
    const missing = permissionIn(words) ?? action;
    return make('forbidden', 'aws_denied', `the monitor lacks the permission ${missing}`, grant(missing));
  }
  if (NO_TEMPLATE.test(failure.name)) return make('conflict', 'no_launch_template', words, TEMPLATES);
  if (CAPACITY.has(failure.name)) return make('unavailable', 'no_capacity', `${failure.name}: ${words}`, CAPACITY_HINT);
  if (QUOTA.has(failure.name)) return make('conflict', 'aws_quota', words, QUOTAS);
  if (THROTTLED.has(failure.name)) {
    const later = { retry_after_seconds: THROTTLE_SECONDS };
    return make('unavailable', 'aws_throttled', `AWS throttles ${action}: ${words}`, undefined, later);
  }
  return make('unavailable', 'aws_failed', `${action} failed: ${failure.name}: ${words}`);
}

/** Newer messages name the permission, which may be another than the action's: `iam:PassRole`, `ec2:CreateTags`. */
const permissionIn = (message: string): string | undefined =>
  /not authorized to perform: ?([a-z0-9-]+:[A-Za-z]+)/.exec(message)?.[1];

/** The command that grants this permission to a role. */
export function grant(action: string): string {
  const statement = { Effect: 'Allow', Action: action, Resource: '*' };
  const policy = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
  const name = action.replace(':', '-');
  return `aws iam put-role-policy --role-name ROLE --policy-name ${name} --policy-document '${policy}'`;
}

const IDENTITY = '`aws sts get-caller-identity` shows the identity; AWS_PROFILE or the machine’s role selects another.';
const TEMPLATES = '`aws ec2 describe-launch-templates` lists those of this account and region.';
const CAPACITY_HINT =
  'Try again later, or use on_demand_fallback=true, more subnets or another instance type in the launch template.';
const QUOTAS = '`aws service-quotas list-service-quotas --service-code ec2` lists the limits of this account.';
