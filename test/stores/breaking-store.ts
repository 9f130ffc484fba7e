/**
 * Breaks the promise of put-if-absent now and then, in front of a store or of a server: the condition is ignored, or
 * left out.
 */
import { Agent, request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { type Clock, systemClock } from '../../server/clock.ts';
import { MemoryStore } from '../../server/objects/memory.ts';
import type { PutIfAbsentResult, StoreIdentity } from '../../server/objects/store.ts';
import { serveHttp } from '../servers/serve-http.ts';
import { Chance } from '../simulation/chance.ts';

/** A server in memory that nobody knows, each of whose requests takes some turns of the event loop. */
export class BreakingStore extends MemoryStore {
  override readonly shared = true;
  readonly #chance: Chance;
  readonly #breaks: number;
  /** How often an object was replaced that was there. */
  replaced = 0;
  /** The puts that are conditional all the same. */
  behaves: (key: string) => boolean = () => false;

  /** `breaks`: this part of the conditional puts is not conditional. */
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

/** Passes requests on to an S3 server; this part of the conditional puts it makes itself, without the condition. */
export async function startBreakingProxy(
  target: { endpoint: string; credentials: { accessKeyId: string; secretAccessKey: string } },
  { breaks, seed, behaves = () => false }: { breaks: number; seed: number; behaves?: (path: string) => boolean },
): Promise<BreakingProxy> {
  const chance = new Chance(seed);
  const { hostname, port } = new URL(target.endpoint);
  const agent = new Agent({ keepAlive: true });
  const client = new S3Client({ ...target, region: 'us-east-1', forcePathStyle: true });
  const server = await serveHttp((asked, answer) => {
    const { method, url: path = '', headers } = asked;
    if (headers['if-none-match'] !== undefined && !behaves(path) && chance.happens(breaks)) {
      const [, Bucket, ...key] = path.split('?')[0]!.split('/');
      buffer(asked)
        .then((Body) => client.send(new PutObjectCommand({ Bucket, Key: key.join('/'), Body })))
        .then(
          () => answer.writeHead(200, { server: 'Breaking' }).end(),
          () => answer.destroy(),
        );
      return;
    }
    const onward = request({ agent, hostname, port, path, method, headers }, (answered) => {
      // Not the name of a known server.
      answer.writeHead(answered.statusCode ?? 502, { ...answered.headers, server: 'Breaking' });
      answered.pipe(answer);
    });
    onward.on('error', () => answer.destroy());
    asked.pipe(onward);
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
