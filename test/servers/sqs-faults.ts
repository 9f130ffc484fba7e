/**
 * A proxy in front of SQS that delivers every message twice and in reverse, loses responses after the request took effect, and
 * denies permissions.
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
  /** How often each action was asked for. */
  asked: Map<string, number>;
  stop(): Promise<void>;
};

export async function startSqsFaults(target: string): Promise<SqsFaults> {
  const faults = { twice: false, lose: new Set<string>(), denied: new Set<string>(), asked: new Map<string, number>() };
  const server = await serveHttp(
    (asked, answer) => void forward(target, faults, asked, answer).catch(() => answer.destroy()),
  );
  return Object.assign(faults, {
    endpoint: server.endpoint,
    stop: server.stop,
  });
}

async function forward(
  target: string,
  faults: Omit<SqsFaults, 'endpoint' | 'stop'>,
  asked: IncomingMessage,
  answer: ServerResponse,
): Promise<void> {
  const { 'x-amz-target': name = '', 'content-type': type = '', authorization = '' } = asked.headers;
  const action = String(name).split('.')[1] ?? '';
  faults.asked.set(action, (faults.asked.get(action) ?? 0) + 1);
  const body = await readText(asked);
  if (faults.denied.has(action)) return deny(answer, action);
  const headers = { 'x-amz-target': String(name), 'content-type': type, authorization };
  const answered = await fetch(`${target}${asked.url}`, { method: 'POST', headers, body });
  const text = await answered.text();
  if (faults.lose.delete(action)) return void answer.destroy();
  answer.writeHead(answered.status, { 'content-type': type });
  answer.end(faults.twice && action === 'ReceiveMessage' ? doubled(text) : text);
}

function doubled(text: string): string {
  const told = JSON.parse(text) as { Messages?: object[] };
  return JSON.stringify(told.Messages ? { ...told, Messages: [...told.Messages, ...told.Messages].reverse() } : told);
}

function deny(answer: ServerResponse, action: string): void {
  const permission = `sqs:${action.replace(/Batch$/, '')}`;
  answer.writeHead(403, { 'content-type': 'application/x-amz-json-1.0' });
  answer.end(
    JSON.stringify({
      __type: 'com.amazon.coral.service#AccessDeniedException',
      message: `User: arn:aws:iam::1:user/x is not authorized to perform: ${permission} because no policy allows it`,
    }),
  );
}
