/** The text of a log as UTF-8, whether it is gzipped or, as PowerShell redirects it, UTF-16. */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';

/** `utf-8`: any text that is read as it is, from any offset. */
export type Encoding = 'utf-8' | 'utf-16le' | 'utf-16be' | 'gzip';

export const CHUNK_BYTES = 256 * 1024;

export async function encodingOf(path: string): Promise<Encoding> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(8), 0, 8, 0);
    const first = buffer.subarray(0, bytesRead);
    return first[0] === 0x1f && first[1] === 0x8b ? 'gzip' : unicodeOf(first);
  } finally {
    await file.close();
  }
}

/** By a byte order mark, or by two characters of ASCII. */
export function unicodeOf(first: Buffer): Exclude<Encoding, 'gzip'> {
  const [a, b, c, d] = first;
  if (a === 0xff && b === 0xfe) return 'utf-16le';
  if (a === 0xfe && b === 0xff) return 'utf-16be';
  if (a !== 0 && b === 0 && c !== 0 && d === 0) return 'utf-16le';
  if (a === 0 && b !== 0 && c === 0 && d !== 0) return 'utf-16be';
  return 'utf-8';
}

/** From the beginning, in chunks. */
export async function openText(path: string, { chunkBytes = CHUNK_BYTES } = {}): Promise<AsyncIterable<Buffer>> {
  const encoding = await encodingOf(path);
  const file = createReadStream(path, { highWaterMark: chunkBytes });
  if (encoding !== 'gzip') return asUtf8(file);
  // Its errors reach the reader of the output.
  return asUtf8(pipeline(file, createGunzip({ chunkSize: chunkBytes }), () => {}));
}

/** Bytes of UTF-16 as those of UTF-8, others as they are. */
export async function* asUtf8(stream: AsyncIterable<Buffer | string>): AsyncGenerator<Buffer> {
  let decoder: TextDecoder | null | undefined;
  let before = Buffer.alloc(0);
  for await (const chunk of stream) {
    let bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    if (decoder === undefined) {
      bytes = before.length === 0 ? bytes : Buffer.concat([before, bytes]);
      // A single byte may be half of a byte order mark; a pipe does not wait for more.
      if (bytes.length === 1 && isMarkStart(bytes[0]!)) {
        before = Buffer.from(bytes);
        continue;
      }
      before = Buffer.alloc(0);
      const encoding = unicodeOf(bytes);
      decoder = encoding === 'utf-8' ? null : new TextDecoder(encoding);
    }
    yield decoder === null ? bytes : Buffer.from(decoder.decode(bytes, { stream: true }));
  }
  if (before.length > 0) yield before;
}

const isMarkStart = (byte: number): boolean => byte === 0xff || byte === 0xfe;
