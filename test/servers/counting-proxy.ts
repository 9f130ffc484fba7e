/** A proxy in front of an AWS endpoint that counts requests by service and operation, with the bytes sent. */
import { type IncomingMessage, request } from 'node:http';
import { serveHttp } from './serve-http.ts';

export type Counted = { requests: number; bytes: number };

export type CountingProxy = {
  endpoint: string;
  /** Counts since the last call: `sqs SendMessageBatch`, `s3 PUT`. */
  take(): Record<string, Counted>;
  stop(): Promise<void>;
};

export async function startCountingProxy(target: string): Promise<CountingProxy> {
  let counted: Record<string, Counted> = {};
  const { hostname, port } = new URL(target);
  const server = await serveHttp((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const body = Buffer.concat(chunks);
      const name = nameOf(incoming, body);
      const { requests, bytes } = counted[name] ?? { requests: 0, bytes: 0 };
      counted[name] = { requests: requests + 1, bytes: bytes + body.length };
      const { url: path, method, headers } = incoming;
      const onward = request({ hostname, port, path, method, headers }, (upstream) => {
        response.writeHead(upstream.statusCode ?? 502, upstream.headers);
        upstream.pipe(response);
      });
      onward.on('error', () => response.destroy());
      onward.end(body);
    });
  });
  return {
    endpoint: server.endpoint,
    take() {
      const taken = counted;
      counted = {};
      return taken;
    },
    stop: server.stop,
  };
}

function nameOf({ headers, method }: IncomingMessage, body: Buffer): string {
  const service = /Credential=[^/]+\/\d+\/[^/]+\/([^/]+)\//.exec(headers.authorization ?? '')?.[1] ?? 'unsigned';
  const target = headers['x-amz-target'];
  if (typeof target === 'string') return `${service} ${target.split('.').at(-1)}`;
  const action = service === 's3' ? undefined : /(?:^|&)Action=(\w+)/.exec(body.toString('latin1'))?.[1];
  return `${service} ${action ?? method}`;
}
