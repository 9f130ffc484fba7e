/** Whatever went wrong, as one MonitorError, and as the problem+json that the caller gets. No stack, no key, no bucket name. */
import type { FastifyError, FastifySchemaValidationError } from 'fastify';
import { ERROR_STATUS, type FieldError, MonitorError, type Problem } from '../../protocol/errors.ts';
import { Refused } from '../engine.ts';
import { JournalError } from '../journal/errors.ts';
import { StoreError } from '../objects/store.ts';

export const RETRY_AFTER_SECONDS = 2;

export function asMonitorError(error: unknown): MonitorError {
  if (error instanceof MonitorError) return error;
  if (error instanceof Refused) {
    const { kind, code, message, hint, extra } = error.refusal;
    return new MonitorError(kind, code, message, { hint, extra });
  }
  if (error instanceof JournalError) return fromJournal(error);
  if (error instanceof StoreError) {
    const refused = error.kind === 'refused';
    const words = refused ? 'the store refuses this' : 'the store does not answer now';
    return new MonitorError('unavailable', refused ? 'store_refused' : 'store_unavailable', words, {
      hint: 'See /readyz and the log of the monitor.',
      retry_after_seconds: RETRY_AFTER_SECONDS,
      cause: error,
    });
  }
  return fromFastify(error as FastifyError);
}

const JOURNAL_CODES = {
  unavailable: ['store_unavailable', 'the store does not answer; nothing was written'],
  outcome_unknown: ['outcome_unknown', 'the store did not answer in time; this may have been done'],
  refused: ['store_refused', 'the store refuses writes; nothing was written'],
  corrupt: ['journal_halted', 'the journal is damaged; nothing is written until its owner has looked at it'],
  stopped: ['stopping', 'this instance is stopping'],
} as const;

function fromJournal(error: JournalError): MonitorError {
  const [code, message] = JOURNAL_CODES[error.kind];
  const hint =
    error.kind === 'outcome_unknown'
      ? 'Send the same request again with this Idempotency-Key: it is done once, and answered as the first time.'
      : 'See /readyz and the log of the monitor.';
  return new MonitorError('unavailable', code, message, {
    hint,
    retry_after_seconds: RETRY_AFTER_SECONDS,
    cause: error,
  });
}

function fromFastify(error: FastifyError): MonitorError {
  if (error.validation) {
    const { validationContext } = error;
    const where = validationContext === 'querystring' ? 'query' : validationContext === 'params' ? 'params' : 'body';
    return invalidPart(
      where,
      error.validation.map((one) => fieldError(one)),
    );
  }
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new MonitorError('too_large', 'body_too_large', 'the request body is larger than this endpoint takes', {
        hint: 'Send audio to POST /api/v1/uploads, many jobs in several batches.',
      });
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new MonitorError(
        'invalid',
        'unsupported_media_type',
        'the body is of a type this endpoint does not take',
        {
          hint: 'Send Content-Type: application/json; POST /events takes application/x-ndjson.',
        },
      );
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
      return new MonitorError('invalid', 'invalid_json', `the body is not JSON: ${error.message}`);
  }
  if (typeof error.statusCode === 'number' && error.statusCode >= 400 && error.statusCode < 500) {
    return new MonitorError('invalid', 'bad_request', error.message);
  }
  return new MonitorError('internal', 'internal', 'this is our fault; the log of the monitor has more', {
    cause: error,
  });
}

/** What is wrong with one part of a request: every field. */
export function invalidPart(where: 'params' | 'query' | 'body', errors: FieldError[]): MonitorError {
  return new MonitorError('invalid', `invalid_${where}`, `${where}: ${errors.map(inWords).join('; ')}`, {
    errors,
    hint: 'The API document says what is taken: /api/v1/openapi.json',
  });
}

const inWords = ({ field, message }: FieldError): string => `${field || 'it'} ${message}`;

/** One wrong field: which, by JSON pointer, and what it should be. */
export function fieldError(error: FastifySchemaValidationError): FieldError {
  const params = error.params as Record<string, unknown>;
  switch (error.keyword) {
    case 'required':
      return { field: `${error.instancePath}/${params.missingProperty}`, message: 'is missing' };
    case 'additionalProperties':
      return { field: `${error.instancePath}/${params.additionalProperty}`, message: 'is not known' };
    case 'propertyNames':
      return { field: `${error.instancePath}/${params.propertyName}`, message: 'is not a name that is taken here' };
    case 'enum':
      return { field: error.instancePath, message: `must be one of ${(params.allowedValues as string[]).join(', ')}` };
    case 'pattern': {
      const { description } = (error as { parentSchema?: { description?: string } }).parentSchema ?? {};
      const words = error.message ?? 'is wrong';
      return { field: error.instancePath, message: description === undefined ? words : `${words}: ${description}` };
    }
    default:
      return { field: error.instancePath, message: error.message ?? 'is wrong' };
  }
}

/** What is our fault stands in the log, with all that the caller is not told. */
export function logFault(error: MonitorError, what: string, log: (level: 'error', message: string) => void): void {
  if (error.kind !== 'internal' && error.kind !== 'corrupt') return;
  log('error', `${what}: ${(error.cause as Error | undefined)?.stack ?? error.stack}`);
}

export function toProblem(error: MonitorError, request_id: string): Problem {
  return {
    type: `urn:transcription-monitor:problem:${error.code}`,
    title: TITLES[error.kind],
    status: statusOf(error),
    code: error.code,
    detail: error.message,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    request_id,
    ...(error.errors === undefined ? {} : { errors: error.errors }),
    ...error.extra,
  };
}

/** Finer than the kind tells, where HTTP has a word for it. */
const STATUS_OF_CODE: Record<string, number> = {
  unsupported_media_type: 415,
  method_not_allowed: 405,
  range_not_satisfiable: 416,
  request_timeout: 408,
};

export const statusOf = (error: MonitorError): number => STATUS_OF_CODE[error.code] ?? ERROR_STATUS[error.kind];

const TITLES = {
  invalid: 'The request is wrong',
  unauthenticated: 'A key is needed',
  forbidden: 'This key may not do that',
  not_found: 'There is no such thing',
  conflict: 'It is in a state that does not allow this',
  too_large: 'Too large',
  busy: 'Too much at once',
  unavailable: 'Not now',
  corrupt: 'An object in the store is damaged',
  internal: 'A fault of the monitor',
} as const;
