/**
 * The port of a notifier: an SNS topic, a webhook, a Slack channel, a mailbox, an on-call service. Each has its own file
 * beside this one.
 */

export interface Notifier {
  /** Its URL without secrets. */
  readonly name: string;
  /**
   * Rejects with NotifierError if the message was not delivered; sending it again with the same id does no harm except a
   * second message, where the receiver does not compare ids.
   */
  notify(notice: Notice, signal: AbortSignal): Promise<void>;
}

export type Notice = {
  /** Stable over retries of the same message. Letters, digits, `_` and `-`. */
  id: string;
  /** One line. */
  title: string;
  /** Plain text in aligned columns, for people. */
  text: string;
  /** The document sent as JSON, for programs. */
  document: unknown;
  /** For on-call services, which open an incident and close it again. */
  incident: Incident;
};

export type Incident = {
  /** The same from the message that opens it to the one that closes it. */
  key: string;
  severity: 'critical' | 'warning' | 'info';
  resolved: boolean;
  /** What it is about. */
  source: string;
};

/** One line: which notifier failed, and why. `hint`: what to try. */
export class NotifierError extends Error {
  readonly hint: string | undefined;
  /** Trying again is pointless: the address is refused, or its owner has ended it. */
  readonly permanent: boolean;
  /** How long the receiver asks to wait; undefined if it does not. */
  readonly retry_after_ms: number | undefined;
  /** Of the response; undefined if there was none, or the receiver has no such statuses. */
  readonly status: number | undefined;

  constructor(
    message: string,
    options: {
      hint?: string;
      cause?: unknown;
      permanent?: boolean;
      retry_after_ms?: number | undefined;
      status?: number;
    } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = 'NotifierError';
    this.hint = options.hint;
    this.permanent = options.permanent ?? false;
    this.retry_after_ms = options.retry_after_ms;
    this.status = options.status;
  }
}

/** Timeout of a delivery. */
export const NOTIFY_WITHIN_MS = 15_000;

/** What notifiers share, from the settings of the program that sends. */
export type NotifierOptions = {
  environment: Record<string, string | undefined>;
  /** Webhooks may connect to private addresses. */
  allow_private: boolean;
  /** Sign webhooks; the current key first. */
  keys: readonly Buffer[];
};
