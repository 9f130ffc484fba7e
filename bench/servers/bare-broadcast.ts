/**
 * The baseline for the feed: only `ws`. It sends each message that it receives (`POST /`, a JSON array of them) to
 * every connection, as the `ws` library's own examples do, encoded once per message. `node bare-broadcast.ts PORT`.
 */
import { createServer } from 'node:http';
import { argv } from 'node:process';
import { WebSocketServer } from 'ws';

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    if (chunks.length > 0) broadcast(JSON.parse(Buffer.concat(chunks).toString()) as string[]);
    response.end();
  });
});
const feed = new WebSocketServer({ server });
server.listen(Number(argv[2]), '127.0.0.1');

/** A message's time is set when it is sent. */
function broadcast(messages: readonly string[]): void {
  const now = new Date().toISOString();
  for (const message of messages) {
    const bytes = Buffer.from(message.replace(/(?<="at":")[^"]+/, now));
    for (const client of feed.clients) client.send(bytes, { binary: false });
  }
}
