/**
 * Opens a notifier by its URL: `sns:ARN`, `https://…`, `slack:https://…`, `teams:https://…`, `pagerduty:KEY`,
 * `telegram:TOKEN@CHAT`, `mailto:…`. Loads only what it needs.
 */
import { parseSecrets, SECRET_HINT } from './http/signature.ts';
import { type Notifier, NotifierError, type NotifierOptions } from './notifier.ts';

const HINT =
  'sns:ARN, https://…, slack:WEBHOOK-URL, teams:WORKFLOW-URL, pagerduty:ROUTING-KEY, telegram:TOKEN@CHAT, or mailto:ADDRESS (with TMON_SMTP_URL)';

export async function openNotifier(url: string, options: NotifierOptions = notifierOptions()): Promise<Notifier> {
  const scheme = /^[a-z]+(?=:)/i.exec(url)?.[0].toLowerCase();
  const rest = url.slice((scheme?.length ?? 0) + 1);
  switch (scheme) {
    case 'sns':
      return (await import('./sns.ts')).snsNotifier(rest);
    case 'http':
    case 'https':
      return (await import('./webhook.ts')).webhookNotifier(url, options);
    case 'slack':
      return (await import('./slack.ts')).slackNotifier(rest, options);
    case 'teams':
      return (await import('./teams.ts')).teamsNotifier(rest, options);
    case 'pagerduty':
      return (await import('./pagerduty.ts')).pagerdutyNotifier(rest, options);
    case 'telegram':
      return (await import('./telegram.ts')).telegramNotifier(rest, options);
    case 'mailto':
      return (await import('./mail.ts')).mailNotifier(url, options.environment);
    default:
      throw new NotifierError(`unsupported notifier ${JSON.stringify(scheme ?? url.slice(0, 20))}`, { hint: HINT });
  }
}

/** From TMON_ALLOW_PRIVATE_WEBHOOKS and TMON_WEBHOOK_SECRET, unless `settings` has them. Throws NotifierError. */
export function notifierOptions(
  settings: { allow_private_webhooks?: string; webhook_secret?: string } = {},
  environment: Record<string, string | undefined> = process.env,
): NotifierOptions {
  const allow = settings.allow_private_webhooks ?? environment.TMON_ALLOW_PRIVATE_WEBHOOKS ?? '';
  if (!['', 'true', 'false'].includes(allow)) {
    throw new NotifierError(`allow_private_webhooks is ${JSON.stringify(allow)}`, { hint: 'true or false' });
  }
  const keys = parseSecrets(settings.webhook_secret ?? environment.TMON_WEBHOOK_SECRET ?? '');
  if (keys === null) throw new NotifierError('webhook_secret is not valid', { hint: SECRET_HINT });
  return { environment, allow_private: allow === 'true', keys };
}
