/**
 * Harmless attempts on a bucket. A put is sent with a wrong checksum, so that with the right to put it fails with
 * BadDigest and nothing is written; gets and deletes use unused names. On a versioned bucket the deletes leave delete
 * markers, which the template's lifecycle rules remove.
 */
import { hash } from 'node:crypto';
import {
  DeleteObjectCommand,
  GetBucketLifecycleConfigurationCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
  type ServerSideEncryption,
} from '@aws-sdk/client-s3';
import type { S3Headers } from '../objects/s3.ts';
import { S3Clients } from '../objects/s3-client.ts';
import { attempt, type Outcome } from './right.ts';

const ATTEMPT_TIMEOUT_MS = 10_000;
const BODY = 'tmon doctor --aws';
const WRONG_DIGEST = ['BadDigest', 'InvalidDigest'];

export class BucketProbe {
  readonly bucket: string;
  /** With a trailing slash; `''` for the whole bucket. */
  readonly prefix: string;
  readonly #clients: S3Clients;
  readonly #every: { RequestPayer?: 'requester' };
  readonly #write: { ServerSideEncryption?: ServerSideEncryption; SSEKMSKeyId?: string };
  #written: Promise<boolean> | undefined;
  /** An unused name. */
  readonly #name = `doctor-${crypto.randomUUID()}`;

  static async open(url: string, headers: S3Headers = {}): Promise<BucketProbe> {
    const [, bucket = '', prefix = ''] = /^s3:\/\/([^/]+)\/?(.*?)\/*$/.exec(url) ?? [];
    return new BucketProbe(
      { bucket, prefix },
      headers,
      await S3Clients.open({ attempt_timeout_ms: ATTEMPT_TIMEOUT_MS }),
    );
  }

  private constructor({ bucket, prefix }: { bucket: string; prefix: string }, headers: S3Headers, clients: S3Clients) {
    this.bucket = bucket;
    this.prefix = prefix && `${prefix}/`;
    this.#clients = clients;
    const { requester_pays = false, sse = '', sse_kms_key_id = '' } = headers;
    this.#every = requester_pays ? { RequestPayer: 'requester' } : {};
    this.#write = {
      ...(sse === '' ? {} : { ServerSideEncryption: sse as ServerSideEncryption }),
      ...(sse_kms_key_id === '' ? {} : { SSEKMSKeyId: sse_kms_key_id }),
    };
  }

  get #client(): S3Client {
    return this.#clients.retrying;
  }

  list(prefix: string): Promise<Outcome> {
    const list = { Bucket: this.bucket, Prefix: prefix, MaxKeys: 1, ...this.#every };
    return attempt(() => this.#client.send(new ListObjectsV2Command(list)));
  }

  /** Without the right to list, a missing object looks denied. */
  get(folder: string): Promise<Outcome> {
    return this.getKey(this.#key(folder));
  }

  getKey(Key: string): Promise<Outcome> {
    const get = { Bucket: this.bucket, Key, Range: 'bytes=0-0', ...this.#every };
    return attempt(async () => {
      const { Body } = await this.#client.send(new GetObjectCommand(get));
      await Body?.transformToByteArray();
    }, ['NoSuchKey', 'InvalidRange']);
  }

  /** A put that is refused for its checksum, or because the right is missing. */
  async put(folder: string, condition: { IfNoneMatch?: '*' } = {}): Promise<Outcome> {
    this.#written ??= this.#writesInSpite();
    if (await this.#written) return { is: 'unsure', because: 'this server does not verify Content-MD5' };
    return attempt(() => this.#putWrong(folder, condition), WRONG_DIGEST);
  }

  /** Amazon's S3 never writes it. Tried where the object can be removed. */
  async #writesInSpite(): Promise<boolean> {
    if (this.#clients.endpoint === null) return false;
    const folder = `${this.prefix}doctor/`;
    const written = await this.#putWrong(folder).then(
      () => true,
      () => false,
    );
    if (written) await this.delete(folder);
    return written;
  }

  async #putWrong(folder: string, condition: { IfNoneMatch?: '*' } = {}): Promise<void> {
    const ContentMD5 = hash('md5', 'other bytes', 'base64');
    const put = { Bucket: this.bucket, Key: this.#key(folder), Body: BODY, ContentMD5, ...condition };
    await this.#client.send(new PutObjectCommand({ ...put, ...this.#every, ...this.#write }));
  }

  /** A real object, because encryption may need rights of its own. */
  async roundTrip(folder: string): Promise<Outcome> {
    const Key = this.#key(folder);
    const put = { Bucket: this.bucket, Key, Body: BODY, ...this.#every, ...this.#write };
    const written = await attempt(() => this.#client.send(new PutObjectCommand(put)));
    if (written.is !== 'allowed') return written;
    const read = await this.getKey(Key);
    const removed = await this.delete(folder);
    if (removed.is === 'allowed') return read;
    return { is: 'unsure', because: `s3://${this.bucket}/${Key} could not be deleted: delete it by hand` };
  }

  delete(folder: string): Promise<Outcome> {
    const Key = this.#key(folder);
    return attempt(() => this.#client.send(new DeleteObjectCommand({ Bucket: this.bucket, Key, ...this.#every })));
  }

  /** Of a version that does not exist. */
  deleteVersion(folder: string): Promise<Outcome> {
    const remove = { Bucket: this.bucket, Key: this.#key(folder), VersionId: 'null', ...this.#every };
    return attempt(() => this.#client.send(new DeleteObjectCommand(remove)), ['NoSuchVersion', 'InvalidArgument']);
  }

  lifecycle(): Promise<Outcome> {
    const read = new GetBucketLifecycleConfigurationCommand({ Bucket: this.bucket });
    return attempt(() => this.#client.send(read), ['NoSuchLifecycleConfiguration']);
  }

  close(): void {
    this.#clients.destroy();
  }

  #key(folder: string): string {
    return `${folder}${this.#name}`;
  }
}
