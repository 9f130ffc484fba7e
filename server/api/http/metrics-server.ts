/** `/metrics` at an address of its own, for scrapers without a key. It serves nothing else. */
import { createServer, type Server } from 'node:http';
import { ALWAYS } from './response-headers.ts';

export type MetricsPage = (accept: string | undefined) => Promise<{ content_type: string; text: string }>;

/** Resolves once it listens. */
export async function serveMetrics(page: MetricsPage, at: { host: string; port: number }): Promise<Server> {
  const server = createServer({ headersTimeout: 20_000, maxHeaderSize: 16 * 1024 }, (request, response) => {
    const path = request.url?.split('?', 1)[0];
    if (path !== '/metrics' || (request.method !== 'GET' && request.method !== 'HEAD')) {
      response.writeHead(404).end();
      return;
    }
    page(request.headers.accept).then(
      ({ content_type, text }) => response.writeHead(200, { ...ALWAYS, 'content-type': content_type }).end(text),
      () => response.writeHead(500).end(),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(at.port, at.host, resolve);
  });
  return server;
}
