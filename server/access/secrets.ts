/** Secrets of keys: made, hashed and compared. Nothing here keeps one. */
import { createHmac, hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { newKeyId, newKeySecret } from '../../protocol/key.ts';

export const newKey = (): { id: string; secret: string } => ({
  id: newKeyId(randomBytes),
  secret: newKeySecret(randomBytes),
});

/** HMAC-SHA-256 under the pepper, base64url. */
export const hashOfSecret = (pepper: string, secret: string): string =>
  createHmac('sha256', pepper).update(secret).digest('base64url');

/** SHA-256 of a whole key, hex: what the setting `admin_key_hash` holds, made without the monitor. */
export const hashOfKey = (key: string): string => hash('sha256', key, 'hex');

/** In constant time, for texts of equal length. */
export function sameHash(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
