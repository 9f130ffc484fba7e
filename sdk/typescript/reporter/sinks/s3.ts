/** One status file per job in a bucket: a PutObject per change, $5 per million on Amazon S3. */
import type { GetObjectCommandOutput, S3Client } from '@aws-sdk/client-s3';
import { statusFileKey, writeStatusFile } from '../../../../protocol/status-file.ts';
import { awsConfig, awsFailure, REQUESTS_AT_ONCE } from '../aws.ts';
import { forEachOf, lastOfEachJob, type Refusal, type Report, type Sink } from '../report.ts';
import { isNewer } from './newer-file.ts';

export class S3Sink implements Sink {
  readonly name: string;
  readonly linger_ms = 100;
  readonly #bucket: string;
  readonly #prefix: string;
  #client: S3Client | null = null;

  /** `prefix` is empty or ends with a slash. */
  constructor(bucket: string, prefix: string) {
    this.name = `s3://${bucket}/${prefix}`.replace(/\/$/, '');
    this.#bucket = bucket;
    this.#prefix = prefix;
  }

  async send(batch: readonly Report[]): Promise<Refusal[]> {
    const { GetObjectCommand, PutObjectCommand, S3Client } = await import('@aws-sdk/client-s3');
    this.#client ??= new S3Client({ ...awsConfig(), ...pathStyle() });
    const client = this.#client;
    try {
      await forEachOf(lastOfEachJob(batch), REQUESTS_AT_ONCE, async (report) => {
        const place = { Bucket: this.#bucket, Key: `${this.#prefix}${statusFileKey(report.job_id)}` };
        if (report.late && isNewer(await textAt(() => client.send(new GetObjectCommand(place))), report)) return;
        await client.send(
          new PutObjectCommand({
            ...place,
            Body: writeStatusFile(report.sighting),
            ContentType: 'application/json',
          }),
        );
      });
      return [];
    } catch (error) {
      throw awsFailure(error, { what: `bucket ${this.#bucket}`, make: `aws s3 mb s3://${this.#bucket}` });
    }
  }

  async close(): Promise<void> {
    this.#client?.destroy();
  }
}

/** Null if there is no such object, or it can't be read: reporters need no right to read. */
async function textAt(get: () => Promise<GetObjectCommandOutput>): Promise<string | null> {
  try {
    return (await (await get()).Body?.transformToString()) ?? null;
  } catch (error) {
    const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
    if (status === 403 || status === 404) return null;
    throw error;
  }
}

/** Few servers other than Amazon's have a host name for each bucket. */
function pathStyle(): { forcePathStyle?: boolean } {
  return process.env.AWS_ENDPOINT_URL_S3 || process.env.AWS_ENDPOINT_URL ? { forcePathStyle: true } : {};
}
