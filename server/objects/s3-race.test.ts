/** A race over S3 is one: all requests are on their way before any is answered, and a server with a window is caught. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { describe, test } from 'node:test';
import { S3Store } from './s3.ts';

const WRITERS = 16;
const bodies = Array.from({ length: WRITERS }, (_, n) => new TextEncoder().encode(`writer ${n}`));

describe('a race over S3', () => {
  test('sends every request before it waits for an answer, in both ways of sending', async () => {
    const waiting: ServerResponse[] = [];
    const answersLast = (request: IncomingMessage, response: ServerResponse) => {
      request.resume().on('end', () => {
        waiting.push(response);
        if (waiting.length === WRITERS) for (const each of waiting.splice(0)) each.end();
      });
    };
    await withServer(answersLast, async (store) => {
      for (let round = 0; round < 4; round++) {
        const answers = await store.race(`key-${round}`, bodies);
        assert.deepEqual(answers, Array(WRITERS).fill({ created: true }));
      }
    });
  });

  test('catches a server that looks for the object when a request begins and writes it when its body has come', async () => {
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
        assert.ok(round < 20, 'it was caught in none of 20 rounds');
        const answers = await store.race(`key-${round}`, bodies);
        if (answers.filter((answer) => 'created' in answer && answer.created).length > 1) return;
      }
    });
  });

  test('tells each writer its own answer, whether yes, no or trouble', async () => {
    let asked = 0;
    const mixed = (request: IncomingMessage, response: ServerResponse) => {
      const status = [200, 412, 503][asked++ % 3]!;
      request.resume().on('end', () => {
        const body = status === 503 ? '<Error><Code>SlowDown</Code><Message>slower</Message></Error>' : '';
        response.writeHead(status, { 'content-type': 'application/xml' }).end(body);
      });
    };
    await withServer(mixed, async (store) => {
      for (const key of ['a', 'b']) {
        const answers = await store.race(key, bodies.slice(0, 6));
        const said = answers.map((answer) => ('error' in answer ? answer.error.code : String(answer.created))).sort();
        assert.deepEqual(said, ['false', 'false', 'store_unavailable', 'store_unavailable', 'true', 'true']);
      }
    });
  });

  test('ends with an error for each writer where the server goes away', async () => {
    const gone = (request: IncomingMessage) => void request.socket.destroy();
    await withServer(gone, async (store) => {
      for (const key of ['a', 'b']) {
        const answers = await store.race(key, bodies);
        assert.ok(answers.every((answer) => 'error' in answer && answer.error.kind === 'unavailable'));
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
