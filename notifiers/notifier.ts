/**
 * The port of a notifier: an SNS topic, a webhook, a Slack channel, a mailbox. Each has its own file beside this one.
 */

export interface Notifier {
  /** Its URL without secrets. */
  readonly name: string;
  /**
   * Rejects with NotifierError if the message was not delivered; sending it again does no harm except a second message.
   */
  notify(notice: Notice, signal: AbortSignal): Promise<void>;
}

export type Notice = {
  /** One line. */
  title: string;
  /** Plain text in aligned columns, for people. */
  text: string;
  /** The document sent as JSON, for programs. */
  document: unknown;
};

/** One line: which notifier failed, and why. `hint`: what to try. */
export class NotifierError extends Error {
  readonly hint: string | undefined;

  constructor(message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'NotifierError';
    this.hint = options.hint;
  }
}

/** Timeout of a delivery. */
export const NOTIFY_WITHIN_MS = 15_000;
