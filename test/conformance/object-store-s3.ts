/** Runs the object store's rules against an S3 server: a new prefix each time, and a proxy that loses responses. */
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { S3Store } from '../../server/objects/s3.ts';
import { type LossyProxy, startLossyProxy } from '../servers/lossy-proxy.ts';
import type { TestServer } from '../servers/start.ts';
import type { ConformanceOptions } from './object-store.ts';

export type S3Place = {
  start(): Promise<TestServer>;
  credentials: { accessKeyId: string; secretAccessKey: string };
};

export const testBucket = 'transcription-state-bucket';

/** The suite's options; the server starts at the first `open`. */
export function s3Conformance(place: S3Place): Pick<ConformanceOptions, 'open' | 'losing' | 'end'> {
  let started: Promise<{ server: TestServer; proxy: LossyProxy }> | undefined;
  const start = async () => {
    const server = await place.start();
    await createBucket(server.endpoint, place.credentials);
    return { server, proxy: await startLossyProxy(server.endpoint) };
  };
  const open = (endpoint: string) =>
    S3Store.open({
      bucket: testBucket,
      prefix: `conformance/${crypto.randomUUID()}`,
      client: { endpoint, region: 'us-east-1', credentials: place.credentials },
    });
  return {
    async open() {
      started ??= start();
      return await open((await started).server.endpoint);
    },
    async losing() {
      started ??= start();
      const { proxy } = await started;
      const store = await open(proxy.endpoint);
      await store.get('connected'); // So that the lost response is the put's.
      proxy.loseNextAnswer();
      return store;
    },
    async end() {
      if (!started) return;
      const { server, proxy } = await started;
      await proxy.stop();
      await server.stop();
    },
  };
}

export async function createBucket(endpoint: string, credentials: S3Place['credentials']): Promise<void> {
  const client = new S3Client({ endpoint, credentials, region: 'us-east-1', forcePathStyle: true });
  await client.send(new CreateBucketCommand({ Bucket: testBucket }));
  client.destroy();
}
