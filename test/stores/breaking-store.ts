/**
 * Breaks the promise of put-if-absent now and then, in front of a store or of a server: the condition is ignored, or
 * removed.
 */
import { Agent, request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { type Clock, systemClock } from '../../server/clock.ts';
import { MemoryStore } from '../../server/objects/memory.ts';
import type { PutIfAbsentResult, StoreIdentity } from '../../server/objects/store.ts';
import { serveHttp } from '../servers/serve-http.ts';
import { Chance } from '../simulation/chance.ts';

/** An unknown server in memory; each of its requests takes some turns of the event loop. */
export class BreakingStore extends MemoryStore {
  override readonly shared = true;
  readonly #chance: Chance;
  readonly #breaks: number;
  /** Number of existing objects that were replaced. */
  replaced = 0;
  /** The puts that stay conditional. */
  behaves: (key: string) => boolean = () => false;

  /** `breaks`: the share of conditional puts whose condition is ignored. */
  constructor(breaks: number, seed: number, clock: Clock = systemClock) {
    super(clock);
    this.#chance = new Chance(seed);
    this.#breaks = breaks;
  }

  async identify(): Promise<StoreIdentity> {
    return { endpoint: 'http://127.0.0.1:1', options: '', headers: { server: 'Breaking' } };
  }

  override async putIfAbsent(key: string, bytes: Uint8Array): Promise<PutIfAbsentResult> {
    await this.#onItsWay();
    if (this.behaves(key) || !this.#chance.happens(this.#breaks)) return await super.putIfAbsent(key, bytes);
    const there = await super.get(key);
    if (there.found) this.replaced += 1;
    await super.put(key, bytes);
    await this.#onItsWay();
    return { created: true, server_ms: there.server_ms };
  }

  override async get(key: string) {
    await this.#onItsWay();
    return await super.get(key);
  }

  override async put(key: string, bytes: Uint8Array) {
    await this.#onItsWay();
    await super.put(key, bytes);
  }

  async #onItsWay(): Promise<void> {
    for (let turns = this.#chance.whole(0, 6); turns > 0; turns--) await new Promise(setImmediate);
  }
}

export type BreakingProxy = { endpoint: string; stop(): Promise<void> };

/** Forwards requests to an S3 server; removes the condition from this share of the conditional puts. */
export async function startBreakingProxy(
  target: { endpoint: string; credentials: { accessKeyId: string; secretAccessKey: string } },
  { breaks, seed, behaves = () => false }: { breaks: number; seed: number; behaves?: (path: string) => boolean },
): Promise<BreakingProxy> {
  const chance = new Chance(seed);
  const { hostname, port } = new URL(target.endpoint);
  const agent = new Agent({ keepAlive: true });
  const client = new S3Client({ ...target, region: 'us-east-1', forcePathStyle: true });
  const server = await serveHttp((incoming, response) => {
    const { method, url: path = '', headers } = incoming;
    if (headers['if-none-match'] !== undefined && !behaves(path) && chance.happens(breaks)) {
      const [, Bucket, ...key] = path.split('?')[0]!.split('/');
      buffer(incoming)
        .then((Body) => client.send(new PutObjectCommand({ Bucket, Key: key.join('/'), Body })))
        .then(
          () => response.writeHead(200, { server: 'Breaking' }).end(),
          () => response.destroy(),
        );
      return;
    }
    const onward = request({ agent, hostname, port, path, method, headers }, (upstream) => {
      // Not the name of a known server.
      response.writeHead(upstream.statusCode ?? 502, { ...upstream.headers, server: 'Breaking' });
      upstream.pipe(response);
    });
    onward.on('error', () => response.destroy());
    incoming.pipe(onward);
  });
  return {
    endpoint: server.endpoint,
    async stop() {
      client.destroy();
      agent.destroy();
      await server.stop();
    },
  };
}
