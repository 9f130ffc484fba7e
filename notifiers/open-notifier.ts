/** Opens a notifier by its URL: `sns:ARN`, `https://…`, `slack:https://…`, `mailto:…`. Loads only what it needs. */
import { type Notifier, NotifierError } from './notifier.ts';

const HINT = 'sns:ARN, https://…, slack:WEBHOOK-URL, or mailto:ADDRESS (with TMON_SMTP_URL)';

export async function openNotifier(
  url: string,
  environment: Record<string, string | undefined> = process.env,
): Promise<Notifier> {
  const scheme = /^[a-z]+(?=:)/i.exec(url)?.[0].toLowerCase();
  const rest = url.slice((scheme?.length ?? 0) + 1);
  switch (scheme) {
    case 'sns':
      return (await import('./sns.ts')).snsNotifier(rest);
    case 'http':
    case 'https':
      return (await import('./webhook.ts')).webhookNotifier(url);
    case 'slack':
      return (await import('./slack.ts')).slackNotifier(rest);
    case 'mailto':
      return (await import('./mail.ts')).mailNotifier(url, environment);
    default:
      throw new NotifierError(`unsupported notifier ${JSON.stringify(url)}`, { hint: HINT });
  }
}
