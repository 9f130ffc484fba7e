/** A proxy before an AWS endpoint that counts requests by service and operation, with the bytes sent. */
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
  const server = await serveHttp((asked, answer) => {
    const chunks: Buffer[] = [];
    asked.on('data', (chunk: Buffer) => chunks.push(chunk));
    asked.on('end', () => {
      const body = Buffer.concat(chunks);
      const name = nameOf(asked, body);
      const { requests, bytes } = counted[name] ?? { requests: 0, bytes: 0 };
      counted[name] = { requests: requests + 1, bytes: bytes + body.length };
      const { url: path, method, headers } = asked;
      const onward = request({ hostname, port, path, method, headers }, (answered) => {
        answer.writeHead(answered.statusCode ?? 502, answered.headers);
        answered.pipe(answer);
      });
      onward.on('error', () => answer.destroy());
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
