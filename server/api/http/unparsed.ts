/** The response to a malformed request, and to a head that is too long or too slow: Node passes only the socket. */

import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { ALWAYS } from './response-headers.ts';

const REASONS: Record<string, { status: number; code: string; detail: string }> = {
  HPE_HEADER_OVERFLOW: { status: 431, code: 'headers_too_large', detail: 'the request’s headers are over 16 KiB' },
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, code: 'request_timeout', detail: 'the request’s headers took over 20 s' },
};
const MALFORMED = { status: 400, code: 'bad_request', detail: 'this is not an HTTP request' };

export function respondUnparsed(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  const { status, code, detail } = REASONS[error.code ?? ''] ?? MALFORMED;
  const title = STATUS_CODES[status]!;
  const body = `${JSON.stringify({ type: `urn:transcription-monitor:problem:${code}`, title, status, code, detail })}\n`;
  const head = [
    `HTTP/1.1 ${status} ${title}`,
    'content-type: application/problem+json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    ...Object.entries(ALWAYS).map(([name, value]) => `${name}: ${value}`),
    'connection: close',
  ];
  if (socket.writable) socket.write(`${head.join('\r\n')}\r\n\r\n${body}`);
  socket.destroy(error);
}
