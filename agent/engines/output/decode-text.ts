/**
 * Bytes as text: UTF-8, UTF-16 (Windows programs and PowerShell's `>` write it), with or without a byte order mark. Bytes
 * that are neither are taken for Windows-1252, in which every byte is a character.
 */
export function decodeText(bytes: Uint8Array): string {
  const encoding = utf16Of(bytes);
  if (encoding !== null) return decoded(bytes, encoding);
  try {
    return decoded(bytes, 'utf-8', true);
  } catch {
    return decoded(bytes, 'windows-1252');
  }
}

/** Without its byte order mark. */
function decoded(bytes: Uint8Array, encoding: string, fatal = false): string {
  return new TextDecoder(encoding, { fatal }).decode(bytes);
}

/** By the mark, or because every other byte is 0, as in any text with spaces, digits or punctuation of ASCII. */
function utf16Of(bytes: Uint8Array): 'utf-16le' | 'utf-16be' | null {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be';
  const zeros: [even: number, odd: number] = [0, 0];
  const looked = Math.min(bytes.length, LOOKED_BYTES) & ~1;
  for (let at = 0; at < looked; at++) if (bytes[at] === 0) zeros[(at % 2) as 0 | 1] += 1;
  const [even, odd] = zeros;
  if (odd > looked / 10 && even === 0) return 'utf-16le';
  if (even > looked / 10 && odd === 0) return 'utf-16be';
  return null;
}

const LOOKED_BYTES = 4096;
