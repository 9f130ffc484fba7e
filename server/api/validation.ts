/**
 * Validation by the schemas of protocol/. Every wrong field is named, an unknown one is refused, and a JSON body is taken as
 * it is: `"5"` is no number. Only a query or a path, being text, is read as what its schema wants.
 */
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import type { TSchema } from 'typebox';
import { type FieldError, MonitorError } from '../../protocol/errors.ts';
import { parseTime } from '../../protocol/time.ts';
import { fieldError } from './errors.ts';

// Verbose: an error knows its schema, which says in words what is wanted.
const options = { allErrors: true, strict: false, addUsedSchema: false, verbose: true } as const;
const json = withFormats(new Ajv(options));
const text = withFormats(new Ajv({ ...options, coerceTypes: true }));

function withFormats(ajv: Ajv): Ajv {
  return ajv.addFormat('date-time', (value: string) => !Number.isNaN(parseTime(value)));
}

/** For Fastify: one compiler for what is text, one for what is JSON. */
export function compileValidator({
  schema,
  httpPart,
}: {
  schema: unknown;
  httpPart?: string | undefined;
}): ValidateFunction {
  return (httpPart === 'body' ? json : text).compile(schema as object);
}

/** A check for a value that came some other way: a line of NDJSON, an element of a batch. */
export function validator<T>(schema: TSchema): (value: unknown) => { value: T } | { errors: FieldError[] } {
  // Compiled when first used: all of them at a start would be a tenth of it.
  let validate: ValidateFunction | undefined;
  return (value) => {
    validate ??= json.compile(schema as object);
    return validate(value) ? { value: value as T } : { errors: (validate.errors ?? []).map(toFieldError) };
  };
}

export function invalid(errors: FieldError[], what: string): MonitorError {
  const words = errors.map(({ field, message }) => `${field || 'it'} ${message}`).join('; ');
  return new MonitorError('invalid', 'invalid_body', `${what}: ${words}`, { errors });
}

function toFieldError(error: ErrorObject): FieldError {
  return fieldError({ ...error, message: error.message ?? 'is wrong' });
}
