/** What the browser may do for a page of the dashboard: nothing inline, no other origin, no frame around it. */
import { randomBytes } from 'node:crypto';

/** For one response: a style of the page is applied only if it has the nonce. */
export const newNonce = (): string => randomBytes(18).toString('base64');

/** `host`: the request's Host header. */
export function documentHeaders(nonce: string, host: string | undefined): Record<string, string> {
  return {
    'content-security-policy': contentSecurityPolicy(nonce, host),
    // A stored page would have an old nonce.
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    'permissions-policy': 'camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
  };
}

function contentSecurityPolicy(nonce: string, host: string | undefined): string {
  return [
    "default-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self' data: blob:",
    "media-src 'self' blob:",
    `connect-src 'self'${socketOrigins(host)}`,
    "object-src 'none'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "form-action 'self'",
  ].join('; ');
}

/** Older browsers do not count WebSockets of the page's own origin as 'self'. */
function socketOrigins(host: string | undefined): string {
  if (host === undefined || !URL.canParse(`http://${host}`)) return '';
  const { host: parsed } = new URL(`http://${host}`);
  return /^[\w.:[\]-]+$/.test(parsed) ? ` ws://${parsed} wss://${parsed}` : '';
}
