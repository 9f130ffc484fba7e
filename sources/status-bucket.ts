/**
 * Status files in a bucket. Cost on S3: a list for every 1,000 files ($5 a million), a get for each changed file
 * ($0.40).
 */
import { GetObjectCommand, HeadObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { STATUS_FILE_PREFIX } from '../protocol/status-file.ts';
import { awsConfig, withinLimit } from './aws/client.ts';
import { awsError } from './aws/errors.ts';
import { isStatusFile, type ListedFile, MONITOR_STORE_KEY, placesOf, type StatusFilePlace } from './status-files.ts';

/** `prefix` is empty or ends with a slash. */
export async function openStatusBucket(
  name: string,
  { bucket, prefix }: { bucket: string; prefix: string },
): Promise<StatusFilePlace> {
  const client = await openClient();
  const thing = {
    name,
    what: `bucket ${bucket}`,
    make: `aws s3 mb s3://${bucket}`,
    allow: 's3:ListBucket and s3:GetObject',
  };
  const places = placesOf(prefix);
  let place = prefix;
  let onlyFiles = false;
  async function* listIn(within: string, signal: AbortSignal): AsyncIterable<ListedFile[]> {
    for (let ContinuationToken: string | undefined; ; ) {
      const Prefix = `${within}${STATUS_FILE_PREFIX}`;
      // Without files in subfolders.
      const list = new ListObjectsV2Command({ Bucket: bucket, Prefix, Delimiter: '/', ContinuationToken });
      const page = await client.send(list, { abortSignal: signal }).catch((error) => {
        throw awsError(error, thing);
      });
      if (page.CommonPrefixes?.length) onlyFiles = false;
      yield (page.Contents ?? []).map(({ Key = '', ETag = '', Size = 0, LastModified }): ListedFile => {
        const modified_ms = LastModified?.getTime() ?? 0;
        // The same text written again has the same ETag, but is a new report.
        return { key: Key.slice(within.length), modified_ms, version: `${ETag} ${modified_ms}`, size_bytes: Size };
      });
      ContinuationToken = page.NextContinuationToken;
      if (!page.IsTruncated || !ContinuationToken) return;
    }
  }
  return {
    name,
    async *list(signal) {
      for (place of places) {
        let found = false;
        onlyFiles = true;
        for await (const files of listIn(place, signal)) {
          found ||= files.some(({ key }) => isStatusFile(key));
          yield files;
        }
        if (found) return;
        onlyFiles = false;
      }
    },
    async isMonitorStore(signal) {
      if (onlyFiles) return false;
      for (const within of places) {
        const head = new HeadObjectCommand({ Bucket: bucket, Key: `${within}${MONITOR_STORE_KEY}` });
        const found = await client.send(head, { abortSignal: signal }).catch(() => undefined);
        signal.throwIfAborted();
        if (found !== undefined) return true;
      }
      return false;
    },
    async fetch(key, signal) {
      try {
        const get = new GetObjectCommand({ Bucket: bucket, Key: `${place}${key}` });
        const { Body } = await client.send(get, { abortSignal: signal });
        return await Body!.transformToByteArray();
      } catch (error) {
        if ((error as Error).name === 'NoSuchKey') return undefined;
        throw awsError(error, thing);
      }
    },
    async close() {
      client.destroy();
    },
  };
}

/** S3-compatible servers need the bucket in the path, and lack the newer checksums. */
async function openClient(): Promise<S3Client> {
  const config = awsConfig();
  const chain = new S3Client(config);
  const custom = (await chain.config.serviceConfiguredEndpoint?.()) !== undefined;
  chain.destroy();
  const client = new S3Client({
    ...config,
    forcePathStyle: custom,
    followRegionRedirects: !custom,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
  return withinLimit(client);
}
