/**
 * Errors of calls to the monitor. Catch as broadly as you can act:
 *
 *     ApiError                       every one has `code` (stable), `message`, `hint`, `status`, `requestId`
 *     ├── NoAnswerError              no response: the same call may be sent again
 *     │   ├── UnreachableError       refused, reset, no such host                        `unreachable`
 *     │   ├── TimedOutError          silent for longer than `timeoutMs`                  `timed_out`
 *     │   ├── UnexpectedResponseError  the response of a proxy or of another server        `unexpected_response`
 *     │   └── FeedUnavailableError   no live feed: no WebSocket here, or none there      `feed_unavailable`
 *     └── RefusedError               the monitor responded with an error
 *         ├── InvalidRequestError    400  fix the request; `errors` names every invalid field
 *         ├── UnauthenticatedError   401  send a key
 *         ├── ForbiddenError         403  ask for permission
 *         ├── NotFoundError          404  no such thing
 *         ├── ConflictError          409  look at `state`, its current state
 *         │   ├── LeaseExpiredError        the job is no longer this worker's: stop, write nothing
 *         │   └── WorkerTerminatedError    the worker must exit
 *         ├── TooLargeError          413  send less
 *         ├── BusyError              429  wait `retryAfterSeconds`
 *         ├── UnavailableError       502, 503, 504  wait, then send the same request again
 *         │   └── OutcomeUnknownError      it may have taken effect: send it again with `idempotencyKey`
 *         └── ServerFaultError       any other status
 *
 * A call whose signal is aborted rejects with the signal's reason instead.
 */
import type { FieldError, Problem } from '../../protocol/errors.ts';
import type { CallError, FeedError } from '../../protocol/feed-messages.ts';

export class ApiError extends Error {
  readonly code: string;
  /** What to do next, if the monitor says so. */
  readonly hint: string | undefined;
  /** HTTP status; undefined if there was no response. */
  readonly status: number | undefined;
  readonly requestId: string | undefined;

  constructor(
    message: string,
    options: { code: string; hint?: string; status?: number; requestId?: string; cause?: unknown },
  ) {
    super(message, { cause: options.cause });
    this.name = new.target.name;
    this.code = options.code;
    this.hint = options.hint;
    this.status = options.status;
    this.requestId = options.requestId;
  }
}

export class NoAnswerError extends ApiError {}

export class UnreachableError extends NoAnswerError {
  constructor(url: string, cause: unknown) {
    const proxy = proxyOf(url, cause);
    const reason = proxy === null ? reasonOf(cause) : `${reasonOf(cause)} by the proxy ${proxy}`;
    super(`no response from ${url}: ${reason}`, {
      code: 'unreachable',
      hint: proxy === null ? hintFor(cause) : HINT_OF_PROXY,
      cause,
    });
  }
}

export class TimedOutError extends NoAnswerError {
  constructor(url: string, timeoutMs: number) {
    super(`no response from ${url} within ${timeoutMs} ms`, {
      code: 'timed_out',
      hint: 'The monitor or the network is slow; try again, or raise the timeout.',
    });
  }
}

/**
 * A response that is not the monitor's: a proxy's page, a sign-in page, a redirect, half a response. It says nothing about the
 * call, which may be sent again once what stands in the way is gone; `hint` says what that may be.
 */
export class UnexpectedResponseError extends NoAnswerError {
  /** From `Retry-After`. */
  readonly retryAfterSeconds: number | undefined;

  constructor(message: string, options: { status?: number; hint: string; retryAfter?: string | null }) {
    const { retryAfter = null, ...known } = options;
    super(message, { code: 'unexpected_response', ...known });
    this.retryAfterSeconds = secondsOf(retryAfter);
  }
}

export class FeedUnavailableError extends NoAnswerError {
  constructor(url: string) {
    const here = 'WebSocket' in globalThis ? '' : ': this platform has no WebSocket';
    super(`the live feed at ${url} can't be reached${here}`, {
      code: 'feed_unavailable',
      hint: 'Does every proxy on the way pass WebSockets? On a platform without WebSocket, pass one as `webSocket`.',
    });
  }
}

export class RefusedError extends ApiError {
  /** The complete problem document. */
  readonly problem: Problem;
  /** From `Retry-After`. */
  readonly retryAfterSeconds: number | undefined;

  constructor(problem: Problem, retryAfterSeconds?: number) {
    super(problem.detail, {
      code: problem.code,
      status: problem.status,
      ...(problem.hint === undefined ? {} : { hint: problem.hint }),
      ...(problem.request_id === undefined ? {} : { requestId: problem.request_id }),
    });
    this.problem = problem;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

export class InvalidRequestError extends RefusedError {
  get errors(): FieldError[] {
    return this.problem.errors ?? [];
  }
}
export class UnauthenticatedError extends RefusedError {}
export class ForbiddenError extends RefusedError {}
export class NotFoundError extends RefusedError {}
export class ConflictError extends RefusedError {
  /** The current state of the job or worker. */
  get state(): string | undefined {
    return textOf(this.problem, 'state');
  }
}
export class LeaseExpiredError extends ConflictError {}
export class WorkerTerminatedError extends ConflictError {}
export class TooLargeError extends RefusedError {}
export class BusyError extends RefusedError {}
export class UnavailableError extends RefusedError {}
export class OutcomeUnknownError extends UnavailableError {
  get idempotencyKey(): string | undefined {
    return textOf(this.problem, 'idempotency_key');
  }
}
export class ServerFaultError extends RefusedError {}

const BY_CODE: Record<string, typeof RefusedError> = {
  lease_expired: LeaseExpiredError,
  worker_terminated: WorkerTerminatedError,
  outcome_unknown: OutcomeUnknownError,
};

const BY_STATUS: Record<number, typeof RefusedError> = {
  400: InvalidRequestError,
  401: UnauthenticatedError,
  403: ForbiddenError,
  404: NotFoundError,
  409: ConflictError,
  413: TooLargeError,
  429: BusyError,
  502: UnavailableError,
  503: UnavailableError,
  504: UnavailableError,
};

/** The error for a response with a status of 400 or more; undefined if it is no problem document: a proxy wrote it. */
export function refusalOf(status: number, body: string, retryAfter: string | null): RefusedError | undefined {
  const problem = problemOf(status, body);
  if (problem === undefined) return undefined;
  const kind = BY_CODE[problem.code] ?? BY_STATUS[status] ?? ServerFaultError;
  return new kind(problem, secondsOf(retryAfter));
}

const FEED_STATUS: Partial<Record<FeedError['code'], number>> = {
  too_many_subscriptions: 429,
  role_not_allowed: 403,
  key_narrowed: 403,
};

/** The error for a subscription that the feed refuses; with a status if it was refused over HTTP. */
export function refusalOfFeed({ code, detail, hint, status: known }: FeedError & { status?: number }): RefusedError {
  const status = known ?? (code.endsWith('_not_found') ? 404 : (FEED_STATUS[code] ?? 400));
  const kind = BY_STATUS[status] ?? RefusedError;
  return new kind({
    type: 'about:blank',
    title: 'Subscription refused',
    status,
    code,
    detail,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** The error for a call over the WebSocket. */
export function refusalOfCall({ type: _, id: __, retry_after_seconds, ...problem }: CallError): RefusedError {
  // A message that is not a call has no status.
  const { status = 400, code } = problem;
  const kind = BY_CODE[code] ?? BY_STATUS[status] ?? ServerFaultError;
  return new kind({ title: 'Refused', ...problem, type: 'about:blank', status }, retry_after_seconds);
}

function problemOf(status: number, body: string): Problem | undefined {
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed !== 'object' || parsed === null) return undefined;
    const { code, detail } = parsed as Record<string, unknown>;
    if (typeof code === 'string' && typeof detail === 'string') return { ...(parsed as Problem), status };
  } catch {
    // Not a problem document.
  }
  return undefined;
}

/** `Retry-After`: seconds, or a date. */
function secondsOf(header: string | null): number | undefined {
  if (header === null) return undefined;
  const seconds = /^\d+(\.\d+)?$/.test(header.trim()) ? Number(header) : (Date.parse(header) - Date.now()) / 1000;
  return Number.isNaN(seconds) ? undefined : Math.max(0, seconds);
}

function textOf(problem: Problem, name: string): string | undefined {
  const value = (problem as Record<string, unknown>)[name];
  return typeof value === 'string' ? value : undefined;
}

const HINT_OF_PROXY =
  'HTTP_PROXY and HTTPS_PROXY name the proxy, http://user:password@host:port. Hosts in NO_PROXY are reached without it.';

function hintFor(cause: unknown): string {
  const { code, message } = deepestOf(cause);
  if (/HTTP Tunneling|Proxy Authentication Required/.test(message)) return HINT_OF_PROXY;
  if (/ALTNAME/.test(code)) return 'Its certificate is for another name: use the name that it is for.';
  if (/CERT_HAS_EXPIRED|CERT_NOT_YET_VALID/.test(code))
    return 'Renew its certificate, and check the clock of this machine.';
  if (/CERT|SELF_SIGNED|UNABLE_TO_VERIFY/.test(code)) {
    return 'Its certificate is not trusted here. Name the authority that issued it: --ca or TMON_CA for tmon, NODE_EXTRA_CA_CERTS for Node.';
  }
  if (/EPROTO|SSL|TLS/.test(code)) return 'Does it speak TLS at this port? Addresses begin with http:// or https://.';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'The name of the host is not known here: check the address.';
  const running = 'Is the monitor running at that address? `tmon serve` starts one.';
  return 'document' in globalThis ? `${running} Does it allow the origin of this page, by --allowed-origins?` : running;
}

const PROXY_VARIABLES = ['http_proxy', 'HTTP_PROXY', 'https_proxy', 'HTTPS_PROXY'];

/** Where the connection was refused, if the environment has proxies and that is not the port of the address. */
function proxyOf(url: string, cause: unknown): string | null {
  const { env = {} } = (globalThis as { process?: { env?: Record<string, string | undefined> } }).process ?? {};
  if (!PROXY_VARIABLES.some((name) => env[name])) return null;
  const { protocol, port } = new URL(url);
  const { code, address, port: at } = deepestOf(cause) as { code: string; address?: string; port?: number };
  if (code !== 'ECONNREFUSED' || at === undefined) return null;
  return at === Number(port || (protocol === 'https:' ? 443 : 80)) ? null : `${address}:${at}`;
}

/** `fetch` hides the reason behind "fetch failed"; its cause has the code. For several addresses, the first one's. */
function deepestOf(cause: unknown): { code: string; message: string; name: string } {
  let deepest: unknown = cause;
  while (deepest instanceof Error && deepest.cause !== undefined) deepest = deepest.cause;
  if (deepest instanceof AggregateError) deepest = deepest.errors[0];
  if (!(deepest instanceof Error)) return { code: '', message: String(deepest), name: '' };
  const { code, message, name } = deepest as NodeJS.ErrnoException;
  return Object.assign({}, deepest, { code: typeof code === 'string' ? code : '', message, name });
}

function reasonOf(cause: unknown): string {
  const { code, message, name } = deepestOf(cause);
  return code === 'ECONNREFUSED' ? 'connection refused' : message || code || name;
}
