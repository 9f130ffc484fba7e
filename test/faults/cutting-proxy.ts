/** A TCP proxy whose network can be cut: what is open falls silent, as with a pulled cable, and nothing new gets through. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import type { Cleaning } from '../processes/tmon.ts';

export type CuttingProxy = { url: string; cut(): void; heal(): void };

export async function startCuttingProxy(t: Cleaning, target: string): Promise<CuttingProxy> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let is_cut = false;
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
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
      socket.on('data', (bytes) => {
        if (!is_cut) other.write(bytes);
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    cut() {
      is_cut = true;
    },
    /** Connections of before are gone: what they carried was lost. */
    heal() {
      is_cut = false;
      for (const socket of sockets) socket.destroy();
    },
  };
}
