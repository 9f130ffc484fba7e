/**
 * Validation against the schemas of protocol/. Errors name every wrong field, unknown fields are refused, and values in
 * JSON are not coerced: `"5"` is not a number. Only queries and paths, which are text, are coerced to the types of
 * their schemas.
 */
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import type { TSchema } from 'typebox';
import { type FieldError, MonitorError } from '../../protocol/errors.ts';
import { parseTime } from '../../protocol/time.ts';
import { fieldError } from './errors.ts';
import { UnparsedBody } from './large/unparsed-body.ts';
import { fasterLengths } from './string-lengths.ts';

// Verbose: errors include the schema, whose description goes into the message.
const options = { allErrors: true, strict: false, addUsedSchema: false, verbose: true } as const;
const json = withFormats(new Ajv(options));
const text = withFormats(new Ajv({ ...options, coerceTypes: true }));

function withFormats(ajv: Ajv): Ajv {
  fasterLengths(ajv);
  return ajv.addFormat('date-time', (value: string) => !Number.isNaN(parseTime(value)));
}

/**
 * For Fastify: one compiler for text, one for JSON. Each schema is compiled when the first request needs it: compiling all of
 * them takes a third of the start.
 */
export function compileValidator({ schema, httpPart }: { schema: unknown; httpPart?: string | undefined }) {
  let validate: ValidateFunction | undefined;
  return (value: unknown) => {
    // Its endpoint validates it.
    if (value instanceof UnparsedBody) return true;
    validate ??= (httpPart === 'body' ? json : text).compile(schema as object);
    return validate(value) ? true : { error: errorsOf(validate) };
  };
}

/** Returns a check for values that Fastify does not validate: a line of NDJSON, an element of a batch. */
export function validator<T>(schema: TSchema): (value: unknown) => { value: T } | { errors: FieldError[] } {
  let validate: ValidateFunction | undefined;
  return (value) => {
    validate ??= json.compile(schema as object);
    return validate(value) ? { value: value as T } : { errors: errorsOf(validate).map(toFieldError) };
  };
}

/** The validator forgets them: they hold the value that was refused, which may be a secret. */
function errorsOf(validate: ValidateFunction): ErrorObject[] {
  const { errors } = validate;
  validate.errors = null;
  return errors ?? [];
}

export function invalid(errors: FieldError[], what: string): MonitorError {
  const words = errors.map(({ field, message }) => `${field || 'it'} ${message}`).join('; ');
  return new MonitorError('invalid', 'invalid_body', `${what}: ${words}`, { errors });
}

function toFieldError(error: ErrorObject): FieldError {
  return fieldError({ ...error, message: error.message ?? 'is wrong' });
}
