/** The body of a request: large text is compressed, which is quicker on a slow link and passes limits of proxies. */
import type { Call } from './transport.ts';

const GZIP_BYTES_MIN = 32 * 1024;

export type SentBody = {
  body: Blob | Uint8Array<ArrayBuffer> | string | undefined;
  size: number;
  headers: Record<string, string>;
};

/** `plain`: this monitor does not accept compressed bodies. */
export async function sentBody({ body, raw }: Pick<Call, 'body' | 'raw'>, plain: boolean): Promise<SentBody> {
  // The types of browsers refuse bytes in shared memory, which none of ours are.
  const bytes = raw === undefined ? asJson(body) : (raw.body as SentBody['body']);
  const type = raw?.type ?? 'application/json';
  const headers: Record<string, string> = bytes === undefined ? {} : { 'content-type': type };
  const size = sizeOf(bytes);
  if (plain || size < GZIP_BYTES_MIN || !isText(type) || !('CompressionStream' in globalThis)) {
    return { body: bytes, size, headers };
  }
  const zipped = new Blob([bytes as string]).stream().pipeThrough(new CompressionStream('gzip'));
  const compressed = new Uint8Array(await new Response(zipped).arrayBuffer());
  return { body: compressed, size: compressed.byteLength, headers: { ...headers, 'content-encoding': 'gzip' } };
}

const asJson = (body: unknown): string | undefined => (body === undefined ? undefined : JSON.stringify(body));

const isText = (type: string): boolean => /^application\/(json|x-ndjson)\b/.test(type);

function sizeOf(body: SentBody['body']): number {
  if (body === undefined) return 0;
  if (body instanceof Blob) return body.size;
  // At least as many as characters; exact sizes matter for large ASCII alone.
  return typeof body === 'string' ? body.length : body.byteLength;
}
