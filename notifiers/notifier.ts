/** Someone who is told: an SNS topic, a webhook, a Slack channel, a mailbox. One file for each beside this one. */

export interface Notifier {
  /** Its URL without what is secret in it. */
  readonly name: string;
  /** Rejects with a NotifierError when it did not get through; sending once more does no harm but a second message. */
  notify(notice: Notice, signal: AbortSignal): Promise<void>;
}

export type Notice = {
  /** One line. */
  title: string;
  /** For people: plain text in aligned columns. */
  text: string;
  /** For programs: what crosses the wire as JSON. */
  document: unknown;
};

/** One line: who was not told, and why. `hint`: what to try. */
export class NotifierError extends Error {
  readonly hint: string | undefined;

  constructor(message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'NotifierError';
    this.hint = options.hint;
  }
}

/** Nobody waits longer for a message to be taken. */
export const NOTIFY_WITHIN_MS = 15_000;
