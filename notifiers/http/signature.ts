/**
 * Signatures of webhooks by Standard Webhooks 1.0 (https://www.standardwebhooks.com): the id of the message, stable over
 * retries, the time of this delivery and the body, under each secret; a receiver accepts any of them, so that secrets can
 * be rotated.
 */
import { createHmac } from 'node:crypto';

/** A secret has 24 to 64 bytes. */
const SECRET_BYTES = { min: 24, max: 64 };
const PREFIX = 'whsec_';
export const SECRET_HINT = 'a secret is whsec_ and 24 to 64 bytes in base64: echo whsec_$(openssl rand -base64 32)';

/** The keys of one or more secrets, separated by spaces or commas: the current one first. Null if one is not valid. */
export function parseSecrets(text: string): Buffer[] | null {
  const keys: Buffer[] = [];
  for (const secret of text.split(/[\s,]+/).filter((part) => part !== '')) {
    const encoded = secret.slice(PREFIX.length);
    const key = Buffer.from(encoded, 'base64');
    const exact = key.toString('base64').replace(/=+$/, '') === encoded.replace(/=+$/, '');
    if (!secret.startsWith(PREFIX) || !exact) return null;
    if (key.length < SECRET_BYTES.min || key.length > SECRET_BYTES.max) return null;
    keys.push(key);
  }
  return keys;
}

/** `id` without a dot. Without keys, only the id and the time. */
export function signedHeaders(
  { id, at_ms, body }: { id: string; at_ms: number; body: string },
  keys: readonly Buffer[],
): Record<string, string> {
  const timestamp = String(Math.floor(at_ms / 1000));
  const signatures = keys.map(
    (key) => `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`,
  );
  return {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    ...(signatures.length > 0 && { 'webhook-signature': signatures.join(' ') }),
  };
}
