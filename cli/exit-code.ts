/** Exit codes, and how an error is shown: one line, and a hint if there is something to try. */
import { ApiError, ConflictError, NoAnswerError, NotFoundError, RefusedError } from '../sdk/typescript/errors.ts';
import { printError } from './output.ts';

export const EXIT = {
  fine: 0,
  failed: 1,
  usage: 2,
  unreachable: 3,
  not_found: 4,
  refused: 5,
  unavailable: 6,
  internal: 70,
  restart: 75,
} as const;

export const EXIT_CODES_HELP = `\
Exit codes: 0 success; 1 a job or a check failed; 2 bad usage; 3 monitor unreachable; 4 no such job, worker or file;
5 refused; 6 the monitor or its store has a problem, try again; 75 (worker) restart requested; 70 internal error.`;

/** A usage error, or an error with its own exit code. */
export class CommandError extends Error {
  readonly exitCode: number;
  readonly hint: string | undefined;

  constructor(exitCode: number, message: string, hint?: string) {
    super(message);
    this.name = 'CommandError';
    this.exitCode = exitCode;
    this.hint = hint;
  }
}

/** Shows the error and returns its exit code. */
export function reportError(error: unknown, json: boolean): number {
  const { message, hint: known, code, fields, excerpt } = describeError(error);
  const exitCode = exitCodeOf(error);
  const hint = known ?? (exitCode === EXIT.usage ? 'See `tmon COMMAND --help`.' : undefined);
  printError({ message, hint, code, fields, excerpt, exitCode, json });
  if (exitCode === EXIT.internal && error instanceof Error && process.env.TMON_TRACE) console.error(error.stack);
  return exitCode;
}

type Words = {
  message: string;
  hint: string | undefined;
  code: string | undefined;
  fields: string[];
  excerpt: string | undefined;
};

function describeError(error: unknown): Words {
  if (!(error instanceof Error)) {
    return { message: String(error), hint: undefined, code: undefined, fields: [], excerpt: undefined };
  }
  const { hint, code, errors, excerpt } = error as Partial<Record<'hint' | 'code' | 'errors' | 'excerpt', unknown>>;
  const fields = Array.isArray(errors)
    ? (errors as { field: string; message: string }[]).map(({ field, message }) => `${field || '/'}: ${message}`)
    : [];
  return {
    message: error.message,
    hint: typeof hint === 'string' ? hint : undefined,
    code: typeof code === 'string' ? code : undefined,
    fields,
    excerpt: typeof excerpt === 'string' ? excerpt : undefined,
  };
}

/**
 * Errors of the server's own parts (serve, doctor, rebuild) are recognised by their `kind`, those of the client by
 * their class.
 */
function exitCodeOf(error: unknown): number {
  if (error instanceof CommandError) return error.exitCode;
  if (error instanceof NoAnswerError) return EXIT.unreachable;
  if (error instanceof NotFoundError) return EXIT.not_found;
  if (error instanceof ConflictError) return EXIT.refused;
  if (error instanceof RefusedError) return BY_STATUS[error.status ?? 0] ?? EXIT.unavailable;
  if (error instanceof ApiError) return EXIT.usage;
  const { kind, code, hint } = error as { kind?: unknown; code?: unknown; hint?: unknown };
  if (code === 'ENOENT' || code === 'store_not_found') return EXIT.not_found;
  if (typeof kind === 'string' && kind in BY_KIND) return BY_KIND[kind]!;
  // An error with a hint is an expected one.
  return typeof hint === 'string' ? EXIT.refused : EXIT.internal;
}

const BY_STATUS: Record<number, number> = {
  400: EXIT.usage,
  401: EXIT.refused,
  403: EXIT.refused,
  413: EXIT.refused,
};

const BY_KIND: Record<string, number> = {
  invalid: EXIT.usage,
  not_found: EXIT.not_found,
  missing: EXIT.not_found,
  invalid_url: EXIT.usage,
  denied: EXIT.refused,
  unusable: EXIT.refused,
  unreachable: EXIT.unreachable,
  conflict: EXIT.refused,
  forbidden: EXIT.refused,
  unauthenticated: EXIT.refused,
  refused: EXIT.refused,
  busy: EXIT.unavailable,
  unavailable: EXIT.unavailable,
  corrupt: EXIT.unavailable,
  full: EXIT.unavailable,
};
