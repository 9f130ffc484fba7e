/**
 * JSON objects whose last field is their own SHA-256, so that damage is found when they are read.
 *
 * Stores hold two kinds of hash, and both are verified wherever one is expected: `seal` hashes the text of the object
 * with 64 zeros in the place of the hash, `sealFields` the compact JSON of the other fields. The journal's objects keep
 * the second, which every version can read.
 */
import { createHash, hash } from 'node:crypto';

const ZEROS = '0'.repeat(64);
/** More than the longest tail that holds the last field, with any indentation. */
const TAIL_BYTES = 200;

/** `indent` as in JSON.stringify. */
export function seal(value: object, indent = 0): Buffer {
  const bytes = Buffer.from(`${JSON.stringify({ ...value, sha256: ZEROS }, null, indent)}\n`);
  const at = bytes.lastIndexOf(ZEROS);
  bytes.write(hash('sha256', bytes, 'hex'), at, 'latin1');
  return bytes;
}

/** One line of JSON with the hash in `field`. */
export function sealFields(value: object, field = 'sha256'): Buffer {
  return Buffer.from(`${JSON.stringify({ ...value, [field]: hashOfFields(value) })}\n`);
}

export type SealedObject = {
  /** All fields but the hash. */
  value: Record<string, unknown>;
  /** `absent`: the object has no hash; versions that wrote none may have written it. */
  seal: 'intact' | 'broken' | 'absent';
};

/** The JSON object in `bytes` and whether its hash is right; null if `bytes` is not a JSON object. */
export function readSealed(bytes: Uint8Array, field = 'sha256'): SealedObject | null {
  const object = parseJsonObject(bytes);
  if (!object) return null;
  const { [field]: sha256, ...value } = object;
  if (sha256 === undefined) return { value, seal: 'absent' };
  const intact = sha256 === hashOfText(bytes, field) || sha256 === hashOfFields(value);
  return { value, seal: intact ? 'intact' : 'broken' };
}

/**
 * The object without its hash; undefined if it is damaged. An object without a hash is accepted only if it has no
 * fields besides `fields_before`, those of the versions that wrote none.
 */
export function unseal<T>(bytes: Uint8Array, fields_before: readonly string[]): T | undefined {
  const read = readSealed(bytes);
  if (!read) return undefined;
  const sound =
    read.seal === 'intact' ||
    (read.seal === 'absent' && Object.keys(read.value).every((name) => fields_before.includes(name)));
  return sound ? (read.value as T) : undefined;
}

/** Null if `bytes` is not a JSON object. */
export function parseJsonObject(bytes: Uint8Array): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(bufferOf(bytes).toString());
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function hashOfFields(value: object): string {
  return hash('sha256', JSON.stringify(value));
}

/** Null if `field` is not the last field, or no hash. */
function hashOfText(given: Uint8Array, field: string): string | null {
  const bytes = bufferOf(given);
  const tail_at = Math.max(0, bytes.length - TAIL_BYTES);
  const tail = bytes.toString('latin1', tail_at);
  const found = new RegExp(`"${field}": ?"([0-9a-f]{64})"\\s*\\}\\s*$`).exec(tail);
  if (!found) return null;
  const at = tail_at + found.index + found[0].indexOf(found[1]!);
  return createHash('sha256')
    .update(bytes.subarray(0, at))
    .update(ZEROS)
    .update(bytes.subarray(at + ZEROS.length))
    .digest('hex');
}

const bufferOf = ({ buffer, byteOffset, byteLength }: Uint8Array): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength);
