/**
 * JSON objects that carry the SHA-256 of their own text in their last field, `sha256`, so that a damaged byte is found when
 * they are read. The hash is of the whole text with 64 zeros in its place.
 */
import { createHash } from 'node:crypto';

const ZEROS = '0'.repeat(64);
/** The last field, however the object is indented; the longest such end is far shorter than TAIL_BYTES. */
const SEAL = /"sha256": ?"([0-9a-f]{64})"\s*\}\s*$/;
const TAIL_BYTES = 200;

/** `indent`: spaces, as JSON.stringify takes them. */
export function seal(value: object, indent = 0): Buffer {
  const bytes = Buffer.from(`${JSON.stringify({ ...value, sha256: ZEROS }, null, indent)}\n`);
  const at = bytes.lastIndexOf(ZEROS);
  bytes.write(createHash('sha256').update(bytes).digest('hex'), at, 'latin1');
  return bytes;
}

/**
 * The object without its seal; undefined if it is damaged. One without a seal comes from a version that did not write any:
 * it is accepted if it has no other fields than `fields_before`, those of that version.
 */
export function unseal<T>(given: Uint8Array, fields_before: readonly string[]): T | undefined {
  const bytes = Buffer.from(given.buffer, given.byteOffset, given.byteLength);
  const tail_at = Math.max(0, bytes.length - TAIL_BYTES);
  const tail = bytes.toString('latin1', tail_at);
  const found = SEAL.exec(tail);
  try {
    if (found) {
      const at = tail_at + found.index + found[0].indexOf(found[1]!);
      if (hashWithZerosAt(bytes, at) !== found[1]) return undefined;
      const { sha256: _, ...value } = JSON.parse(bytes.toString()) as { sha256: string };
      return value as T;
    }
    const value: unknown = JSON.parse(bytes.toString());
    if (typeof value !== 'object' || value === null) return undefined;
    return Object.keys(value).every((name) => fields_before.includes(name)) ? (value as T) : undefined;
  } catch {
    return undefined;
  }
}

function hashWithZerosAt(bytes: Buffer, at: number): string {
  return createHash('sha256')
    .update(bytes.subarray(0, at))
    .update(ZEROS)
    .update(bytes.subarray(at + ZEROS.length))
    .digest('hex');
}
