/** An instance metadata service for tests: IMDSv2 over HTTP, with notices that a test gives and takes. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Cleaning } from '../../test/processes/tmon.ts';

const TTL_HEADER = 'x-aws-ec2-metadata-token-ttl-seconds';
const PATHS = {
  '/latest/meta-data/spot/instance-action': 'interruption',
  '/latest/meta-data/events/recommendations/rebalance': 'rebalance',
} as const;

export class TestEc2Metadata {
  readonly url: string;
  /** The bodies of the notices; null: 404. */
  interruption: string | null = null;
  rebalance: string | null = null;
  ttl_seconds = 21_600;
  /** Returns a status with which a request fails, or 0 for no response at all. */
  fail: (request: IncomingMessage) => number | undefined = () => undefined;
  /** `PUT /latest/api/token`, `GET …`, each with the status of its response. */
  readonly requests: string[] = [];
  readonly #server: Server;
  #valid = new Set<string>();
  #issued = 0;

  static async start(t: Cleaning): Promise<TestEc2Metadata> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const metadata = new TestEc2Metadata(server);
    t.after(() => metadata.stop());
    return metadata;
  }

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('request', (request, response) => this.#respond(request, response));
  }

  interrupt(time: string, action = 'terminate'): void {
    this.interruption = JSON.stringify({ action, time });
  }

  recommendRebalance(noticeTime: string): void {
    this.rebalance = JSON.stringify({ noticeTime });
  }

  /** As if every token had ended. */
  revokeTokens(): void {
    this.#valid = new Set();
  }

  get tokensIssued(): number {
    return this.#issued;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #respond(request: IncomingMessage, response: ServerResponse): void {
    const failure = this.fail(request);
    if (failure === 0) return;
    const [status, body] = failure === undefined ? this.#answer(request) : [failure, 'failed'];
    this.requests.push(`${request.method} ${request.url} ${status}`);
    response.writeHead(status, { [TTL_HEADER]: this.ttl_seconds }).end(body);
  }

  #answer({ method, url, headers }: IncomingMessage): [status: number, body: string] {
    if (method === 'PUT' && url === '/latest/api/token') {
      const seconds = Number(headers[TTL_HEADER]);
      if (!(seconds >= 1 && seconds <= 21_600)) return [400, ''];
      if (headers['x-forwarded-for'] !== undefined) return [403, ''];
      const token = `token-${++this.#issued}==`;
      this.#valid.add(token);
      return [200, token];
    }
    if (!this.#valid.has(String(headers['x-aws-ec2-metadata-token']))) return [401, ''];
    const kind = PATHS[url as keyof typeof PATHS];
    const body = kind === undefined ? null : this[kind];
    return body === null ? [404, ''] : [200, body];
  }
}
