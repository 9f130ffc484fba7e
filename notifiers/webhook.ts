/** `https://…`: posts the document as JSON, signed by Standard Webhooks. Success is a 2xx response. */
import { AddressRefused, REDIRECTS_MAX, type Reach, type Sent, send } from './http/send.ts';
import { shownUrl } from './http/shown-url.ts';
import { signedHeaders } from './http/signature.ts';
import { NOTIFY_WITHIN_MS, type Notifier, NotifierError, type NotifierOptions } from './notifier.ts';

export function webhookNotifier(url: string, options: NotifierOptions): Notifier {
  return {
    name: nameOf(url),
    notify: ({ id, document }, signal) => postSigned(url, { id, body: JSON.stringify(document), signal, ...options }),
  };
}

export type SignedPosting = Pick<NotifierOptions, 'allow_private' | 'keys'> & {
  /** The `webhook-id`. */
  id: string;
  /** JSON. */
  body: string;
  signal: AbortSignal;
};

/** Rejects with NotifierError unless the response is 2xx. */
export async function postSigned(url: string, { id, body, keys, allow_private, signal }: SignedPosting): Promise<void> {
  const headers = signedHeaders({ id, at_ms: Date.now(), body }, keys);
  await postJson(url, { name: nameOf(url), body, headers, allow_private, signal });
}

/** Without its secret part. */
export function nameOf(url: string): string {
  parseWebhookUrl(url);
  return shownUrl(url);
}

function parseWebhookUrl(url: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed && /^https?:$/.test(parsed.protocol)) return parsed;
  throw new NotifierError('a webhook must be https://HOST/PATH', { hint: '--notify https://example.com/hook' });
}

export type Posting = Reach & {
  name: string;
  /** JSON. */
  body: string;
  headers?: Record<string, string>;
  signal: AbortSignal;
};

/** Returns the text of a 2xx response; rejects with NotifierError. */
export async function postJson(url: string, { name, body, headers, signal, ...reach }: Posting): Promise<string> {
  const { target, authorization } = urlParts(url);
  let sent: Sent;
  try {
    sent = await send(target, {
      ...reach,
      headers: {
        'content-type': 'application/json',
        'user-agent': 'transcription-monitor',
        ...(authorization === null ? {} : { authorization }),
        ...headers,
      },
      body,
      signal: AbortSignal.any([signal, AbortSignal.timeout(NOTIFY_WITHIN_MS)]),
    });
  } catch (error) {
    if (error instanceof AddressRefused) {
      throw new NotifierError(`${name} was not notified: ${error.message}`, {
        hint: 'if its receiver is in your own network: TMON_ALLOW_PRIVATE_WEBHOOKS=true',
        cause: error,
        permanent: true,
      });
    }
    throw new NotifierError(`${name} was not notified: ${whyOf(error as NodeJS.ErrnoException)}`, { cause: error });
  }
  const { status, text } = sent;
  if (status >= 200 && status < 300) return text;
  throw new NotifierError(`${name} was not notified: HTTP ${status} ${detailOf(text)}`.trim(), {
    ...hintFor(sent),
    // 410 Gone: Standard Webhooks' way for a receiver to end its subscription.
    permanent: status === 410,
    status,
    retry_after_ms: retryAfter(sent),
  });
}

function whyOf({ name, message, code }: NodeJS.ErrnoException): string {
  if (name === 'TimeoutError') return `no response within ${NOTIFY_WITHIN_MS / 1000} s`;
  return message || (code ?? name);
}

/** One line. */
const detailOf = (text: string): string => text.replace(/\s+/g, ' ').slice(0, 200);

function hintFor({ status, headers }: Sent): { hint?: string } {
  if (status < 300 || status >= 400) return {};
  const kept = status === 307 || status === 308;
  if (kept) return { hint: `it redirects more than ${REDIRECTS_MAX} times, or from https to http` };
  return { hint: `use its final address: ${headers.location ?? '?'}` };
}

function retryAfter({ status, headers }: Sent): number | undefined {
  if (status !== 429 && status !== 503) return undefined;
  const seconds = Number(headers['retry-after']);
  return seconds > 0 ? Math.min(seconds, 3600) * 1000 : undefined;
}

/** A password of the URL becomes a header. */
function urlParts(url: string): { target: URL; authorization: string | null } {
  const target = parseWebhookUrl(url);
  const { username, password } = target;
  target.username = '';
  target.password = '';
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { target, authorization: pair === ':' ? null : `Basic ${Buffer.from(pair).toString('base64')}` };
}
