/**
 * Posts a form with a file over HTTP. The file is streamed, and there is no time limit: a server works for hours on a long
 * recording before it sends a byte. What ends a request that hangs is the worker's stall watch, by the signal.
 */
import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { type IncomingMessage, request as overHttp, type RequestOptions } from 'node:http';
import { request as overHttps } from 'node:https';
import { basename } from 'node:path';
import { pipeline } from 'node:stream/promises';

export type FormRequest = {
  url: URL;
  headers: Record<string, string>;
  fields: readonly (readonly [name: string, value: string])[];
  /** Sent as `file`. */
  file: string;
  signal: AbortSignal;
};

export type TextResponse = { status: number; headers: IncomingMessage['headers']; text: string };

/** Rejects with the signal's reason, or with an error of the connection. */
export async function postForm({ url, headers, fields, file, signal }: FormRequest): Promise<TextResponse> {
  const boundary = `tmon-${randomUUID()}`;
  const before = Buffer.from(
    [
      ...fields.map(([name, value]) => `${part(boundary, `name="${quoted(name)}"`)}\r\n${value}\r\n`),
      `${part(boundary, `name="file"; filename="${quoted(basename(file))}"`)}content-type: application/octet-stream\r\n\r\n`,
    ].join(''),
  );
  const after = Buffer.from(`\r\n--${boundary}--\r\n`);
  const { size } = await stat(file);
  const sent = send(url, {
    method: 'POST',
    headers: {
      ...headers,
      'content-type': `multipart/form-data; boundary=${boundary}`,
      'content-length': before.length + size + after.length,
    },
    signal,
  });
  try {
    await pipeline(bytes(before, file, after), sent.request, { signal });
  } catch (error) {
    // A server may refuse a request before it has read it all; its response says why.
    const refusal = signal.aborted ? null : await Promise.race([sent.response, soon()]).catch(() => null);
    if (refusal === null) throw signal.aborted ? signal.reason : error;
  }
  try {
    return await readText(await sent.response);
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  }
}

/** Rejects as postForm does. */
export async function getText(url: URL, headers: Record<string, string>, signal: AbortSignal): Promise<TextResponse> {
  const sent = send(url, { headers, signal });
  sent.request.end();
  return readText(await sent.response);
}

function send(url: URL, options: RequestOptions) {
  const request = (url.protocol === 'https:' ? overHttps : overHttp)(url, options);
  const { promise: response, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  response.catch(() => {});
  request.on('response', resolve);
  request.on('error', reject);
  return { request, response };
}

const REFUSAL_MS = 1_000;
const soon = () => new Promise<null>((resolve) => setTimeout(resolve, REFUSAL_MS, null).unref());

const part = (boundary: string, disposition: string): string =>
  `--${boundary}\r\ncontent-disposition: form-data; ${disposition}\r\n`;

/** As browsers escape names in forms. */
const quoted = (text: string): string => text.replaceAll('"', '%22').replaceAll('\r', '%0D').replaceAll('\n', '%0A');

async function* bytes(before: Buffer, file: string, after: Buffer): AsyncGenerator<Buffer> {
  yield before;
  yield* createReadStream(file);
  yield after;
}

/** A transcript of a day's speech, with the time of each word, is some megabytes. */
const RESPONSE_BYTES_MAX = 64 * 1024 * 1024;

async function readText(response: IncomingMessage): Promise<TextResponse> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > RESPONSE_BYTES_MAX) throw new Error(`the response has more than ${RESPONSE_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return { status: response.statusCode ?? 0, headers: response.headers, text: Buffer.concat(chunks).toString() };
}
