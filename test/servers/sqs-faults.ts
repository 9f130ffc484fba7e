/**
 * A proxy in front of SQS that delivers every message twice and in reverse, loses responses after the request took
 * effect, and denies permissions.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text as readText } from 'node:stream/consumers';
import { serveHttp } from './serve-http.ts';

export type SqsFaults = {
  endpoint: string;
  /** Each receive returns its messages twice, last first. */
  twice: boolean;
  /** Actions whose next response is lost: `SendMessageBatch`. */
  lose: Set<string>;
  /** Actions that are denied. */
  denied: Set<string>;
  /** Number of requests per action. */
  counts: Map<string, number>;
  stop(): Promise<void>;
};

export async function startSqsFaults(target: string): Promise<SqsFaults> {
  const faults = {
    twice: false,
    lose: new Set<string>(),
    denied: new Set<string>(),
    counts: new Map<string, number>(),
  };
  const server = await serveHttp(
    (incoming, response) => void forward(target, faults, incoming, response).catch(() => response.destroy()),
  );
  return Object.assign(faults, {
    endpoint: server.endpoint,
    stop: server.stop,
  });
}

async function forward(
  target: string,
  faults: Omit<SqsFaults, 'endpoint' | 'stop'>,
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { 'x-amz-target': name = '', 'content-type': type = '', authorization = '' } = incoming.headers;
  const action = String(name).split('.')[1] ?? '';
  faults.counts.set(action, (faults.counts.get(action) ?? 0) + 1);
  const body = await readText(incoming);
  if (faults.denied.has(action)) return deny(response, action);
  const headers = { 'x-amz-target': String(name), 'content-type': type, authorization };
  const upstream = await fetch(`${target}${incoming.url}`, { method: 'POST', headers, body });
  const text = await upstream.text();
  if (faults.lose.delete(action)) return void response.destroy();
  response.writeHead(upstream.status, { 'content-type': type });
  response.end(faults.twice && action === 'ReceiveMessage' ? doubled(text) : text);
}

function doubled(text: string): string {
  const received = JSON.parse(text) as { Messages?: object[] };
  return JSON.stringify(
    received.Messages ? { ...received, Messages: [...received.Messages, ...received.Messages].reverse() } : received,
  );
}

function deny(response: ServerResponse, action: string): void {
  const permission = `sqs:${action.replace(/Batch$/, '')}`;
  response.writeHead(403, { 'content-type': 'application/x-amz-json-1.0' });
  response.end(
    JSON.stringify({
      __type: 'com.amazon.coral.service#AccessDeniedException',
      message: `User: arn:aws:iam::1:user/x is not authorized to perform: ${permission} because no policy allows it`,
    }),
  );
}
