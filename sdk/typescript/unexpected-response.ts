/**
 * Responses that are not the monitor's: the page of a proxy, a sign-in page, a redirect, another server, half a response.
 * They say something about the way to the monitor, and nothing about the call.
 */
import { UnexpectedResponseError } from './errors.ts';

export type Received = { status: number; headers: Headers; text: string; url: string };

export type Reading = { url: string; bytesMax: number; onPart: () => void };

/** Reads the body, calling `onPart` for each part. Throws UnexpectedResponseError if it is too long or can't be unpacked. */
export async function readBody(response: Response, { url, bytesMax, onPart }: Reading): Promise<Received> {
  const { status, headers, body } = response;
  const decoder = new TextDecoder();
  const texts: string[] = [];
  let bytes = 0;
  // Not every replacement of fetch has a body that can be read in parts.
  if (!body?.getReader) return { status, headers, text: await response.text(), url };
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read().catch((error: unknown) => {
      if (!isUnpacking(error)) throw error;
      throw unexpected({ status, headers, text: '', url }, 'it is not compressed as it says');
    });
    if (done) break;
    onPart();
    bytes += value.byteLength;
    if (bytes > bytesMax) {
      reader.cancel().catch(() => {});
      const start = texts.join('').slice(0, 200);
      throw unexpected({ status, headers, text: start, url }, `it has more than ${bytesMax} bytes`);
    }
    texts.push(decoder.decode(value, { stream: true }));
  }
  texts.push(decoder.decode());
  return { status, headers, text: texts.join(''), url };
}

/** Node's errors of decompression. */
function isUnpacking(error: unknown): boolean {
  const { code } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException;
  return code?.startsWith('Z_') ?? false;
}

/** The object in a successful response; undefined for 204. Throws UnexpectedResponseError. */
export function objectIn(received: Received): unknown {
  if (received.status === 204) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(received.text);
  } catch {
    throw unexpected(received);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw unexpected(received);
}

/** No response of the monitor's API is a page. Throws UnexpectedResponseError. */
export function assertNoPage(received: Received): void {
  if (/^text\/html\b/i.test(received.headers.get('content-type') ?? '')) throw unexpected(received);
}

export function unexpected({ status, headers, text, url }: Received, what?: string): UnexpectedResponseError {
  const first = text.replace(/\s+/g, ' ').trim().slice(0, 200);
  const location = headers.get('location');
  const words = what ?? (location === null ? first || 'an empty body' : `a redirect to ${location}`);
  return new UnexpectedResponseError(`the response from ${url} is not the monitor's: status ${status}: ${words}`, {
    status,
    hint: hintFor(status, location, text),
    retryAfter: headers.get('retry-after'),
  });
}

function hintFor(status: number, location: string | null, text: string): string {
  if (location !== null) return `Use the address to which it redirects: ${withoutQuery(location)}`;
  if (/plain HTTP request was sent to HTTPS|HTTP request to an HTTPS server/i.test(text))
    return 'The address begins with https://.';
  switch (status) {
    case 511:
      return 'The network wants a sign-in first: a captive portal responds.';
    case 413:
      return 'A proxy on the way limits the size of bodies: `client_max_body_size` of nginx, `LimitRequestBody` of Apache, `max_size` of Caddy.';
    case 401:
    case 403:
    case 407:
      return 'A proxy on the way wants credentials, or refuses this client. Options: a user in the address (https://user:password@host), `headers`.';
    case 404:
      return 'Another server responds at this address. Behind a proxy with a prefix, the address ends with the prefix.';
    case 408:
    case 429:
      return 'A proxy on the way limits requests; the call may be sent again later.';
  }
  if (status >= 500) return 'A proxy on the way does not reach the monitor, or has failed. The call may be sent again.';
  if (status < 300) return 'A sign-in page, a captive portal or another server responds at this address.';
  return 'Check the address, and any proxy on the way.';
}

const withoutQuery = (location: string): string => location.split(/[?#]/, 1)[0]!;
