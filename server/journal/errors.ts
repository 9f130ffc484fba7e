/**
 * What can go wrong with a journal, by what its user has to do:
 *
 *     unavailable      the store does not answer; nothing was written, try again later
 *     outcome_unknown  written or not, nobody knows yet; send the same again, under the same id
 *     refused          the store will not take writes (denied, full, read-only); its owner must act
 *     corrupt          an object is damaged or not of this journal; never applied
 *     stopped          this instance is closing
 */
export type JournalErrorKind = 'unavailable' | 'outcome_unknown' | 'refused' | 'corrupt' | 'stopped';

export class JournalError extends Error {
  readonly kind: JournalErrorKind;
  readonly hint: string | undefined;

  constructor(kind: JournalErrorKind, message: string, options: { hint?: string | undefined; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'JournalError';
    this.kind = kind;
    this.hint = options.hint;
  }
}
