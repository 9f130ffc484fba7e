/** `https://…`: posts the document as JSON. Success is a 2xx response; redirects are not followed. */
import { NOTIFY_WITHIN_MS, type Notifier, NotifierError } from './notifier.ts';

export function webhookNotifier(url: string): Notifier {
  const name = nameOf(url);
  return {
    name,
    async notify({ document }, signal) {
      await postJson(url, document, { name, signal });
    },
  };
}

/** The path is often the secret: shows only the host and the last characters, which distinguish webhooks. */
export function nameOf(url: string): string {
  const { protocol, host, pathname } = parseWebhookUrl(url);
  return `${protocol}//${host}/${pathname.length > 1 ? `…${pathname.slice(-4)}` : ''}`;
}

function parseWebhookUrl(url: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed && /^https?:$/.test(parsed.protocol)) return parsed;
  throw new NotifierError('a webhook must be https://HOST/PATH', { hint: '--notify https://example.com/hook' });
}

export async function postJson(
  url: string,
  body: unknown,
  { name, signal }: { name: string; signal: AbortSignal },
): Promise<void> {
  const { username, password, ...target } = urlParts(url);
  let response: Response;
  try {
    response = await fetch(target.href, {
      method: 'POST',
      redirect: 'manual',
      headers: {
        'content-type': 'application/json',
        'user-agent': 'transcription-monitor',
        ...(username || password ? { authorization: `Basic ${btoa(`${username}:${password}`)}` } : {}),
      },
      body: JSON.stringify(body),
      signal: AbortSignal.any([signal, AbortSignal.timeout(NOTIFY_WITHIN_MS)]),
    });
  } catch (error) {
    const { cause, message } = error as Error;
    const why = cause instanceof Error ? cause.message || (cause as NodeJS.ErrnoException).code : message;
    throw new NotifierError(`${name} was not notified: ${why}`, { cause: error });
  }
  const detail = (await response.text().catch(() => '')).slice(0, 200);
  if (response.ok) return;
  const redirected = response.status >= 300 && response.status < 400;
  throw new NotifierError(`${name} was not notified: HTTP ${response.status} ${detail}`.trim(), {
    ...(redirected ? { hint: `use its final address: ${response.headers.get('location') ?? '?'}` } : {}),
  });
}

/** fetch refuses a URL that contains a password. */
function urlParts(url: string): { href: string; username: string; password: string } {
  const parsed = new URL(url);
  const { username, password } = parsed;
  parsed.username = '';
  parsed.password = '';
  return { href: parsed.href, username: decodeURIComponent(username), password: decodeURIComponent(password) };
}
