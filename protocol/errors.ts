/**
 * Errors as they cross a wire: RFC 9457 `application/problem+json`. The kind tells the caller what to do, the code is
 * stable for programs, the detail has the values, the hint is the next thing to try.
 *
 *     invalid          400  fix the request                 unauthenticated  401  send a key
 *     forbidden        403  ask for permission              not_found        404  no such thing
 *     conflict         409  look at its current state       too_large        413  send less
 *     busy             429  wait `Retry-After`              unavailable      503  wait, then send the same request again
 *     corrupt          500  an object in the store is damaged; contact the owner
 *     internal         500  a bug in the monitor
 */
import { type Static, Type } from 'typebox';

export const ERROR_STATUS = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  too_large: 413,
  busy: 429,
  unavailable: 503,
  corrupt: 500,
  internal: 500,
} as const;

export type ErrorKind = keyof typeof ERROR_STATUS;

export const Problem = Type.Object(
  {
    type: Type.String({ description: 'A URN with the code: `urn:transcription-monitor:problem:job_not_found`.' }),
    title: Type.String(),
    status: Type.Integer(),
    code: Type.String({ description: 'Stable: `lease_expired`, `invalid_body`, `job_not_found`, …' }),
    detail: Type.String({ description: 'For people, with the values.' }),
    hint: Type.Optional(Type.String({ description: 'What to do next.' })),
    request_id: Type.Optional(Type.String()),
    errors: Type.Optional(
      Type.Array(
        Type.Object({
          field: Type.String({ description: 'JSON pointer of the wrong field.' }),
          message: Type.String(),
        }),
      ),
    ),
  },
  { $id: 'Problem', additionalProperties: true },
);
export type Problem = Static<typeof Problem>;

export type FieldError = { field: string; message: string };

/** Every refusal and failure that a caller can receive. `extra` is added to the problem: `{state: 'COMPLETED'}`. */
export class MonitorError extends Error {
  readonly kind: ErrorKind;
  readonly code: string;
  readonly hint: string | undefined;
  readonly errors: FieldError[] | undefined;
  readonly extra: Record<string, unknown> | undefined;
  readonly retry_after_seconds: number | undefined;

  constructor(
    kind: ErrorKind,
    code: string,
    message: string,
    options: {
      hint?: string | undefined;
      errors?: FieldError[];
      extra?: Record<string, unknown> | undefined;
      retry_after_seconds?: number;
      cause?: unknown;
    } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = 'MonitorError';
    this.kind = kind;
    this.code = code;
    this.hint = options.hint;
    this.errors = options.errors;
    this.extra = options.extra;
    this.retry_after_seconds = options.retry_after_seconds;
  }
}
