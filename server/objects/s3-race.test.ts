/**
 * A race over S3 is real: all requests are under way before any gets its response, and a server with a window is
 * caught.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { describe, test } from 'node:test';
import { S3Store } from './s3.ts';

const WRITERS = 16;
const bodies = Array.from({ length: WRITERS }, (_, n) => new TextEncoder().encode(`writer ${n}`));

describe('a race over S3', () => {
  test('sends every request before it waits for a response, in both modes', async () => {
    const waiting: ServerResponse[] = [];
    const respondToLast = (request: IncomingMessage, response: ServerResponse) => {
      request.resume().on('end', () => {
        waiting.push(response);
        if (waiting.length === WRITERS) for (const each of waiting.splice(0)) each.end();
      });
    };
    await withServer(respondToLast, async (store) => {
      for (let round = 0; round < 4; round++) {
        const results = await store.race(`key-${round}`, bodies);
        assert.deepEqual(results, Array(WRITERS).fill({ created: true }));
      }
    });
  });

  test('catches a server that looks for the object when a request begins and writes it when its body has arrived', async () => {
    const objects = new Set<string>();
    const looksFirst = (request: IncomingMessage, response: ServerResponse) => {
      const there = objects.has(request.url!);
      request.resume().on('end', () => {
        if (there) return response.writeHead(412).end();
        objects.add(request.url!);
        response.end();
      });
    };
    await withServer(looksFirst, async (store) => {
      for (let round = 0; ; round++) {
        assert.ok(round < 20, 'not caught in 20 rounds');
        const results = await store.race(`key-${round}`, bodies);
        if (results.filter((result) => 'created' in result && result.created).length > 1) return;
      }
    });
  });

  test('returns each writer its own result: created, not created or an error', async () => {
    let requests = 0;
    const mixed = (request: IncomingMessage, response: ServerResponse) => {
      const status = [200, 412, 503][requests++ % 3]!;
      request.resume().on('end', () => {
        const body = status === 503 ? '<Error><Code>SlowDown</Code><Message>slower</Message></Error>' : '';
        response.writeHead(status, { 'content-type': 'application/xml' }).end(body);
      });
    };
    await withServer(mixed, async (store) => {
      for (const key of ['a', 'b']) {
        const results = await store.race(key, bodies.slice(0, 6));
        const codes = results.map((result) => ('error' in result ? result.error.code : String(result.created))).sort();
        assert.deepEqual(codes, ['false', 'false', 'store_unavailable', 'store_unavailable', 'true', 'true']);
      }
    });
  });

  test('ends with an error for each writer if the server goes away', async () => {
    const gone = (request: IncomingMessage) => void request.socket.destroy();
    await withServer(gone, async (store) => {
      for (const key of ['a', 'b']) {
        const results = await store.race(key, bodies);
        assert.ok(results.every((result) => 'error' in result && result.error.kind === 'unavailable'));
      }
    });
  });
});

async function withServer(
  handler: (request: IncomingMessage, response: ServerResponse) => void,
  run: (store: S3Store) => Promise<void>,
): Promise<void> {
  const server = createServer(handler);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const endpoint = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const store = await S3Store.open({
    bucket: 'bucket',
    prefix: 'prefix',
    client: { endpoint, region: 'us-east-1', credentials },
  });
  try {
    await run(store);
  } finally {
    await store.close();
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
}
