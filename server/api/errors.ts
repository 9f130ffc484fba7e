/**
 * Converts any error to a MonitorError, and that to the problem+json of the response, without stacks, keys or bucket
 * names.
 */
import type { FastifyError, FastifySchemaValidationError } from 'fastify';
import { ERROR_STATUS, type FieldError, MonitorError, type Problem } from '../../protocol/errors.ts';
import { Refused } from '../engine.ts';
import { JournalError } from '../journal/errors.ts';
import { StoreError } from '../objects/store.ts';

export const RETRY_AFTER_SECONDS = 2;

export function asMonitorError(error: unknown): MonitorError {
  if (error instanceof MonitorError) return error;
  if (error instanceof Refused) {
    const { kind, code, message, hint, extra, retry_after_seconds } = error.refusal;
    return new MonitorError(kind, code, message, { hint, extra, retry_after_seconds });
  }
  if (error instanceof JournalError) return fromJournal(error);
  if (error instanceof StoreError) {
    const refused = error.kind === 'refused';
    const words = refused ? 'the store refused the request' : 'the store is not responding';
    return new MonitorError('unavailable', refused ? 'store_refused' : 'store_unavailable', words, {
      hint: 'See /readyz and the log of the monitor.',
      retry_after_seconds: RETRY_AFTER_SECONDS,
      cause: error,
    });
  }
  return fromFastify(error as FastifyError);
}

const JOURNAL_CODES = {
  unavailable: ['store_unavailable', 'the store is not responding; nothing was written'],
  outcome_unknown: ['outcome_unknown', 'the store did not respond in time; the request may have taken effect'],
  refused: ['store_refused', 'the store refuses writes; nothing was written'],
  corrupt: ['journal_halted', 'the journal is damaged; nothing is written until it has been repaired'],
  stopped: ['stopping', 'this instance is stopping'],
} as const;

function fromJournal(error: JournalError): MonitorError {
  const [code, message] = JOURNAL_CODES[error.kind];
  const hint =
    error.kind === 'outcome_unknown'
      ? 'Send the same request again with this Idempotency-Key: it takes effect once and returns the first result.'
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
      error.validation.map((wrong) => fieldError(wrong)),
    );
  }
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new MonitorError('too_large', 'body_too_large', 'the request body is larger than this endpoint accepts', {
        hint: 'Send audio to POST /api/v1/uploads, many jobs in several batches.',
      });
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new MonitorError(
        'invalid',
        'unsupported_media_type',
        'this endpoint does not accept a body of this type',
        {
          hint: 'Send Content-Type: application/json; POST /events accepts application/x-ndjson.',
        },
      );
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
      return new MonitorError('invalid', 'invalid_json', `the body is not JSON: ${error.message}`);
  }
  if (typeof error.statusCode === 'number' && error.statusCode >= 400 && error.statusCode < 500) {
    return new MonitorError('invalid', 'bad_request', error.message);
  }
  return new MonitorError('internal', 'internal', 'an internal error; see the log of the monitor', {
    cause: error,
  });
}

/** Returns the error of one part of a request, with every wrong field. */
export function invalidPart(where: 'params' | 'query' | 'body', errors: FieldError[]): MonitorError {
  return new MonitorError('invalid', `invalid_${where}`, `${where}: ${errors.map(inWords).join('; ')}`, {
    errors,
    hint: 'See the API document: /api/v1/openapi.json',
  });
}

const inWords = ({ field, message }: FieldError): string => `${field || 'it'} ${message}`;

/** Converts a validation error to a field, by JSON pointer, and what is wrong with it. */
export function fieldError(error: FastifySchemaValidationError): FieldError {
  const params = error.params as Record<string, unknown>;
  switch (error.keyword) {
    case 'required':
      return { field: `${error.instancePath}/${params.missingProperty}`, message: 'is missing' };
    case 'additionalProperties':
      return { field: `${error.instancePath}/${params.additionalProperty}`, message: 'is unknown' };
    case 'propertyNames':
      return { field: `${error.instancePath}/${params.propertyName}`, message: 'is not an allowed name' };
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

/** Logs internal errors with the details that the response omits. */
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

/** Statuses more specific than that of the error's kind. */
const STATUS_OF_CODE: Record<string, number> = {
  unsupported_media_type: 415,
  method_not_allowed: 405,
  range_not_satisfiable: 416,
  request_timeout: 408,
};

export const statusOf = (error: MonitorError): number => STATUS_OF_CODE[error.code] ?? ERROR_STATUS[error.kind];

const TITLES = {
  invalid: 'Invalid request',
  unauthenticated: 'Authentication required',
  forbidden: 'Forbidden',
  not_found: 'Not found',
  conflict: 'Conflict with the current state',
  too_large: 'Too large',
  busy: 'Too many at once',
  unavailable: 'Temporarily unavailable',
  corrupt: 'An object in the store is damaged',
  internal: 'Internal error',
} as const;
