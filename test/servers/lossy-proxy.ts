/**
 * A TCP proxy that can lose a response: the request takes effect, and both connections are cut as soon as the server
 * begins to respond.
 */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export type LossyProxy = {
  endpoint: string;
  loseNextAnswer(): void;
  /** Cuts the connections for which `which` returns true; returns how many. */
  cut(which: () => boolean): number;
  stop(): Promise<void>;
};

export async function startLossyProxy(target: string): Promise<LossyProxy> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  const clients = new Set<Socket>();
  let losing = false;
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    clients.add(client);
    client.once('close', () => clients.delete(client));
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
    client.pipe(upstream);
    upstream.on('data', (chunk) => {
      if (!losing) return void client.write(chunk);
      losing = false;
      client.destroy();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address() as { port: number };
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    loseNextAnswer() {
      losing = true;
    },
    cut(which) {
      const cut = [...clients].filter(() => which());
      for (const client of cut) client.resetAndDestroy();
      return cut.length;
    },
    async stop() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}
