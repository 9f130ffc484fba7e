/** Rights on AWS: what each is needed for, how it is tried without harm, and the statement that grants or denies it. */

/** `unsure`: with the reason. `unfinished`: the service did not respond, or does not know the caller. */
export type Outcome =
  | { is: 'allowed' }
  /** `lacks`: the right that the service names, if it is not the one that was tried. */
  | { is: 'denied'; lacks?: { action: string; resource: string } }
  | { is: 'unsure' | 'unfinished'; because: string };

export type Right = {
  /** `s3:PutObject`. */
  action: string;
  /** An ARN, which may have wildcards. */
  resource: string;
  needed_for: string;
  /** What the template promises. */
  expected: 'allowed' | 'denied';
  /** The monitor works without it. */
  optional?: true;
  /** Condition of the statement, if it is narrower, or the subject of the denial. */
  condition?: Record<string, Record<string, string>>;
  /** Condition keys that a request has, for a simulation. */
  context?: Record<string, string>;
  /** Tries it on the service; undefined if no harmless attempt shows it. */
  attempt?: () => Promise<Outcome>;
};

type Failure = Error & { Code?: string; $metadata?: { httpStatusCode?: number } };

const DENIED = new Set([
  'AccessDenied',
  'AccessDeniedException',
  'UnauthorizedOperation',
  'UnauthorizedAccess',
  'AuthorizationError',
  'AccessDeniedError',
]);
const CREDENTIALS =
  /^(CredentialsProviderError|TokenProviderError|AuthFailure|InvalidAccessKeyId|InvalidClientTokenId|InvalidToken|SignatureDoesNotMatch|ExpiredToken|ExpiredTokenException|RequestExpired|RequestTimeTooSkewed|UnrecognizedClientException)$/;

/** `allowed_by`: names of errors that only a caller with the right gets, such as `DryRunOperation`. */
export async function attempt(request: () => Promise<unknown>, allowed_by: readonly string[] = []): Promise<Outcome> {
  try {
    await request();
    return { is: 'allowed' };
  } catch (error) {
    const { name, message, $metadata } = error as Failure;
    if (allowed_by.includes(name)) return { is: 'allowed' };
    if (CREDENTIALS.test(name)) return { is: 'unfinished', because: `${name}: ${message}` };
    if (DENIED.has(name) || $metadata?.httpStatusCode === 403) return { is: 'denied', ...lacking(message) };
    return { is: 'unfinished', because: `${name}: ${message}` };
  }
}

function lacking(message: string): { lacks?: { action: string; resource: string } } {
  const [, action, resource = '*'] =
    /not authorized to perform: ?([a-z0-9-]+:[A-Za-z]+)(?: on resource: ([^\s,]+))?/.exec(message) ?? [];
  return action === undefined ? {} : { lacks: { action, resource } };
}

/** The statement for the role's policy, or for the bucket's if it is a denial. */
export function statementFor({
  action,
  resource,
  expected,
  condition,
}: Pick<Right, 'action' | 'resource' | 'expected' | 'condition'>): string {
  const body = { Action: action, Resource: resource, ...(condition ? { Condition: condition } : {}) };
  return JSON.stringify(
    expected === 'allowed' ? { Effect: 'Allow', ...body } : { Effect: 'Deny', Principal: '*', ...body },
  );
}
