/**
 * A proxy before an AWS endpoint that remembers the requests of the query protocol (EC2, Auto Scaling), and answers those
 * that a test picks with an error, such as a lack of capacity, which moto never has.
 */
import { request, type ServerResponse } from 'node:http';
import { serveHttp } from './serve-http.ts';

export type AwsRequest = { action: string; params: URLSearchParams };
/** `accepted`: answered as done, with nothing done. */
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
  const server = await serveHttp((asked, answer) => {
    const chunks: Buffer[] = [];
    asked.on('data', (chunk: Buffer) => chunks.push(chunk));
    asked.on('end', () => {
      const body = Buffer.concat(chunks);
      const params = new URLSearchParams(body.toString('utf8'));
      const seen = { action: params.get('Action') ?? '', params };
      faults.requests.push(seen);
      const fault = faults.fail(seen);
      if (fault === 'accepted') return accept(answer, seen.action);
      if (fault) return refuse(answer, fault);
      const { url: path, method, headers } = asked;
      const onward = request({ hostname, port, path, method, headers }, (answered) => {
        answer.writeHead(answered.statusCode ?? 502, answered.headers);
        answered.pipe(answer);
      });
      onward.on('error', () => answer.destroy());
      onward.end(body);
    });
  });
  return Object.assign(faults, {
    endpoint: server.endpoint,
    stop: server.stop,
  });
}

function accept(answer: ServerResponse, action: string): void {
  answer.writeHead(200, { 'content-type': 'text/xml' });
  answer.end(`<${action}Response><ResponseMetadata><RequestId>none</RequestId></ResponseMetadata></${action}Response>`);
}

/** In the form of both services: EC2 has a list of errors, Auto Scaling one error. */
function refuse(answer: ServerResponse, { code, message = code, status = 400 }: Exclude<Fault, 'accepted'>): void {
  const error = `<Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error>`;
  answer.writeHead(status, { 'content-type': 'text/xml' });
  answer.end(`<Response><Errors>${error}</Errors>${error}<RequestID>none</RequestID></Response>`);
}
