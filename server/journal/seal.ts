/** A checksum inside a JSON object, over all its other fields in their order: for objects that no other object vouches for. */
import { createHash } from 'node:crypto';

/** The object as the store keeps it: one line of JSON, the checksum last. */
export function encodeSealed(value: object, field: string): Uint8Array {
  return Buffer.from(`${JSON.stringify({ ...value, [field]: checksum(value) })}\n`);
}

/** `absent`: it was written before objects of its kind had a checksum. */
export function checkSeal(value: object, field: string): 'intact' | 'broken' | 'absent' {
  const { [field]: seal, ...rest } = value as Record<string, unknown>;
  if (seal === undefined) return 'absent';
  return seal === checksum(rest) ? 'intact' : 'broken';
}

/** The JSON object in these bytes; null if there is none. */
export function parseJsonObject(bytes: Uint8Array): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString());
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function checksum(value: object): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}
