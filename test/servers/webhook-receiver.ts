/** A receiver of webhooks on 127.0.0.1 that verifies their signatures with the official verifier, and keeps what it got. */
import { Webhook } from 'standardwebhooks';
import type { Json } from './monitor.ts';
import { serveHttp } from './serve-http.ts';

type Cleaning = { after(run: () => unknown): void };

export type ReceivedWebhook = { path: string; id: string; body: Json; headers: Record<string, string> };

export type WebhookReceiver = {
  url: string;
  /** Every request, in order. */
  received: ReceivedWebhook[];
  /** Of accepted ones, by `webhook-id`. */
  accepted: Map<string, ReceivedWebhook[]>;
  /** The response to the next requests; 200 by default. `null`: none. */
  respond: (request: ReceivedWebhook) => number | null;
  /** Resolves when `is` holds after a request. */
  until(is: () => boolean): Promise<void>;
};

/** `secret`: requests without a valid signature get 401. */
export async function webhookReceiver(t: Cleaning, secret?: string): Promise<WebhookReceiver> {
  const waiting = new Set<() => void>();
  const receiver: WebhookReceiver = {
    url: '',
    received: [],
    accepted: new Map(),
    respond: () => 200,
    until: (is) =>
      new Promise((resolve) => {
        const look = () => {
          if (!is()) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
  };
  const { endpoint, stop } = await serveHttp(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    const headers = request.headers as Record<string, string>;
    const one = { path: request.url ?? '', id: headers['webhook-id'] ?? '', body: JSON.parse(text), headers };
    receiver.received.push(one);
    const status = secret !== undefined && !isSigned(secret, text, headers) ? 401 : receiver.respond(one);
    if (status !== null && status < 300) receiver.accepted.set(one.id, [...(receiver.accepted.get(one.id) ?? []), one]);
    if (status !== null) response.writeHead(status).end();
    for (const look of [...waiting]) look();
  });
  t.after(stop);
  receiver.url = endpoint;
  return receiver;
}

function isSigned(secret: string, text: string, headers: Record<string, string>): boolean {
  try {
    new Webhook(secret).verify(text, headers);
    return true;
  } catch {
    return false;
  }
}
