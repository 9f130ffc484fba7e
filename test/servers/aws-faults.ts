/**
 * A proxy in front of an AWS endpoint that records the requests of the query protocol (EC2, Auto Scaling), and responds
 * to those that a test selects with an error, such as a lack of capacity, which moto never returns.
 */
import { request, type ServerResponse } from 'node:http';
import { serveHttp } from './serve-http.ts';

export type AwsRequest = { action: string; params: URLSearchParams };
/** `accepted`: reported as done, without being done. */
export type Fault = 'accepted' | { code: string; message?: string; status?: number };

export type AwsFaults = {
  endpoint: string;
  requests: AwsRequest[];
  /** Decides about each request; undefined passes it on. */
  fail: (request: AwsRequest) => Fault | undefined;
  stop(): Promise<void>;
};

export async function startAwsFaults(target: string): Promise<AwsFaults> {
  const { hostname, port } = new URL(target);
  const faults: Omit<AwsFaults, 'endpoint' | 'stop'> = { requests: [], fail: () => undefined };
  const server = await serveHttp((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const body = Buffer.concat(chunks);
      const params = new URLSearchParams(body.toString('utf8'));
      const seen = { action: params.get('Action') ?? '', params };
      faults.requests.push(seen);
      const fault = faults.fail(seen);
      if (fault === 'accepted') return accept(response, seen.action);
      if (fault) return refuse(response, fault);
      const { url: path, method, headers } = incoming;
      const onward = request({ hostname, port, path, method, headers }, (upstream) => {
        response.writeHead(upstream.statusCode ?? 502, upstream.headers);
        upstream.pipe(response);
      });
      onward.on('error', () => response.destroy());
      onward.end(body);
    });
  });
  return Object.assign(faults, {
    endpoint: server.endpoint,
    stop: server.stop,
  });
}

function accept(response: ServerResponse, action: string): void {
  response.writeHead(200, { 'content-type': 'text/xml' });
  response.end(
    `<${action}Response><ResponseMetadata><RequestId>none</RequestId></ResponseMetadata></${action}Response>`,
  );
}

/** In the form of both services: EC2 has a list of errors, Auto Scaling one error. */
function refuse(response: ServerResponse, { code, message = code, status = 400 }: Exclude<Fault, 'accepted'>): void {
  const error = `<Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error>`;
  response.writeHead(status, { 'content-type': 'text/xml' });
  response.end(`<Response><Errors>${error}</Errors>${error}<RequestID>none</RequestID></Response>`);
}
