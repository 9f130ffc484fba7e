/** A forward proxy, as HTTPS_PROXY names one: passes CONNECT and plain requests on to one server, whatever host they name. */
import { once } from 'node:events';
import { createServer, request as forward, type IncomingHttpHeaders } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import type { Cleaning } from '../processes/tmon.ts';

export type ForwardProxy = {
  url: string;
  /** `CONNECT host:port`, `GET http://host/path`. */
  seen: string[];
  /** Of plain requests. */
  headers: IncomingHttpHeaders[];
};

export async function startForwardProxy(t: Cleaning, to: { port: number }): Promise<ForwardProxy> {
  const seen: string[] = [];
  const headers: IncomingHttpHeaders[] = [];
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    const { pathname, search } = new URL(request.url!);
    headers.push(request.headers);
    const { method } = request;
    // As every proxy that knows no WebSocket: these are between two neighbours.
    const { connection: _, upgrade: __, 'proxy-connection': ___, ...onwards } = request.headers;
    const onward = forward(
      { host: '127.0.0.1', port: to.port, method, headers: onwards, path: pathname + search },
      (answer) => {
        response.writeHead(answer.statusCode!, answer.headers);
        answer.pipe(response);
      },
    );
    onward.on('error', () => response.destroy());
    response.on('close', () => onward.destroy());
    request.pipe(onward);
  });
  server.on('connect', (request, socket) => {
    seen.push(`CONNECT ${request.url}`);
    const onward = connect(to.port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      socket.pipe(onward).pipe(socket);
    });
    socket.on('error', () => onward.destroy());
    onward.on('error', () => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen, headers };
}
