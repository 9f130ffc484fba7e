/** What senders of notices share, from the settings. */
import { NotifierError, type NotifierOptions } from '../../notifiers/notifier.ts';
import { notifierOptions } from '../../notifiers/open-notifier.ts';
import { MonitorError } from '../../protocol/errors.ts';
import type { Settings } from '../config.ts';

/** Throws MonitorError('invalid'). */
export function noticeOptions(settings: Pick<Settings, 'allow_private_webhooks' | 'webhook_secret'>): NotifierOptions {
  try {
    return notifierOptions(settings);
  } catch (error) {
    if (!(error instanceof NotifierError)) throw error;
    throw new MonitorError('invalid', 'bad_setting', error.message, { hint: error.hint });
  }
}
