/**
 * An HTTPS server for tests on a free port of 127.0.0.1. Real TLS with a pre-shared key (TLS-PSK), so that no
 * certificate is needed.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Agent, createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';

const KEY = Buffer.from('a key for tests');
const TLS = { ciphers: 'PSK', maxVersion: 'TLSv1.2' } as const;

export type HttpsServer = { url: string; agent: Agent };

export async function startHttps(
  t: TestContext,
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<HttpsServer> {
  const server = createServer({ ...TLS, pskCallback: () => KEY }, answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const agent = new Agent({
    ...TLS,
    pskCallback: () => ({ psk: KEY, identity: 'test' }),
    checkServerIdentity: () => undefined, // the key is the identity
  });
  t.after(async () => {
    agent.destroy();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, agent };
}
