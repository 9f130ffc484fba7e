/** Delivers one notice, once: to the webhook of a job, or by a notifier. */
import { type Notifier, NotifierError, type NotifierOptions } from '../../notifiers/notifier.ts';
import { postSigned } from '../../notifiers/webhook.ts';
import { webhookBody } from '../documents/notification.ts';
import { messageOf } from '../documents/notification-text.ts';
import type { NoticeRecord } from '../state-machine/state/notices.ts';

/** Why a delivery failed. `unreachable`: others to the same destination would fail, too. */
export type DeliveryFailure = {
  error: string;
  permanent: boolean;
  unreachable: boolean;
  retry_after_ms: number | null;
};

export type Deliver = (notice: NoticeRecord, signal: AbortSignal) => Promise<void>;

export function delivering(options: NotifierOptions, notifiers: () => ReadonlyMap<string, Notifier>): Deliver {
  return async (notice, signal) => {
    const { id, content } = notice;
    if (content.url === null) {
      const notifier = notifiers().get(notice.destination);
      if (!notifier) throw new NotifierError('no such destination is configured any more', { permanent: true });
      return notifier.notify(messageOf(notice), signal);
    }
    await postSigned(content.url, { id, body: JSON.stringify(webhookBody(notice)), signal, ...options });
  };
}

export function failureOf(error: unknown): DeliveryFailure {
  if (!(error instanceof NotifierError)) {
    const message = error instanceof Error ? error.message : String(error);
    return { error: message, permanent: false, unreachable: true, retry_after_ms: null };
  }
  const { message, permanent, status, retry_after_ms = null } = error;
  // Other responses are about this message: its URL, its body.
  const unreachable = !permanent && (status === undefined || status >= 500 || OVERLOADED.has(status));
  return { error: message, permanent, unreachable, retry_after_ms };
}

const OVERLOADED: ReadonlySet<number> = new Set([408, 425, 429]);
