/**
 * Errors of the journal, by what the caller has to do:
 *
 *     unavailable      the store does not respond; nothing was written, try again later
 *     outcome_unknown  it may have been written; send the same command again, with the same id
 *     refused          the store rejects writes (denied, full, read-only); its owner must act
 *     corrupt          objects are damaged, missing or of another journal; `problems` names them
 *     stopped          this instance is closing
 */
export type JournalErrorKind = 'unavailable' | 'outcome_unknown' | 'refused' | 'corrupt' | 'stopped';

/** One object that is damaged or missing. */
export type Problem = {
  key: string;
  /** As a predicate of the key: "is missing", "is damaged: its checksum is wrong". */
  problem: string;
  /** What cannot be reached without it; null if unknown. */
  reach: string | null;
};

export type JournalErrorOptions = {
  /** What the owner can do. */
  hint?: string | undefined;
  cause?: unknown;
  problems?: readonly Problem[];
};

export class JournalError extends Error {
  readonly kind: JournalErrorKind;
  readonly hint: string | undefined;
  readonly problems: readonly Problem[];

  constructor(kind: JournalErrorKind, message: string, options: JournalErrorOptions = {}) {
    super(message, { cause: options.cause });
    this.name = 'JournalError';
    this.kind = kind;
    this.hint = options.hint;
    this.problems = options.problems ?? [];
  }
}

/** An object is damaged or missing. `problem` follows the key in the message: "is damaged: it is cut short". */
export function corruptObject(
  key: string,
  problem: string,
  { reach = null, ...options }: { hint?: string; cause?: unknown; reach?: string | null } = {},
): JournalError {
  return new JournalError('corrupt', `${key} ${problem}`, { ...options, problems: [{ key, problem, reach }] });
}

export const isCorrupt = (error: unknown): error is JournalError =>
  error instanceof JournalError && error.kind === 'corrupt';
