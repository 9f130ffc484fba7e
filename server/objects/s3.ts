/**
 * Objects in a bucket of S3, or of a server that speaks it.
 *
 * `putIfAbsent` is PutObject with `If-None-Match: *`, sent exactly once: the SDK's retries are off for it, because
 * after a lost response only the journal can determine from the object's content which put created it. Everything else
 * is retried three times. `server_ms` is the `Date` header, read off every response, 404 and 412 among them.
 *
 * Cost (S3 Standard): $5 per million puts and lists, $0.40 per million gets; deletes are free.
 */
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
  type ServerSideEncryption,
} from '@aws-sdk/client-s3';
import { ATTEMPTS, type S3ClientOptions, S3Clients } from './s3-client.ts';
import { errorName, isStatus, storeError, type WithHeaders } from './s3-errors.ts';
import { inspectRules } from './s3-rules.ts';
import {
  assertKey,
  assertPrefix,
  type GetResult,
  isKeyPart,
  type ListedObject,
  type ListOptions,
  type ObjectStore,
  type PutIfAbsentResult,
  type RaceResult,
  StoreError,
  type StoreFinding,
  type StoreIdentity,
} from './store.ts';

export type S3StoreOptions = {
  bucket: string;
  /**
   * Without a slash at either end; `''` for the whole bucket. At most 120 bytes, so that any key fits in S3's 1,024.
   */
  prefix: string;
  /** Timeout of one attempt of one request, including its body. */
  attempt_timeout_ms?: number;
  headers?: S3Headers;
} & Pick<S3ClientOptions, 'client' | 'clock'>;

/** Headers that a bucket may require. */
export type S3Headers = {
  /** The requester pays, not the bucket's owner. */
  requester_pays?: boolean;
  /** Server-side encryption of what is written: `AES256`, `aws:kms`, `aws:kms:dsse`; the bucket's default if empty. */
  sse?: string;
  sse_kms_key_id?: string;
};

const ATTEMPT_TIMEOUT_MS = 5000;

export class S3Store implements ObjectStore {
  readonly url: string;
  readonly shared = true;
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #attempt_timeout_ms: number;
  readonly #clients: S3Clients;
  /** The configured headers of every request, and of every write. */
  readonly #every: { RequestPayer?: 'requester' };
  readonly #write: {
    RequestPayer?: 'requester';
    ServerSideEncryption?: ServerSideEncryption;
    SSEKMSKeyId?: string;
  };
  readonly #options: string;

  private constructor(options: S3StoreOptions, clients: S3Clients) {
    this.url = `s3://${options.bucket}${options.prefix && `/${options.prefix}`}`;
    this.#bucket = options.bucket;
    this.#prefix = options.prefix && `${options.prefix}/`;
    this.#attempt_timeout_ms = options.attempt_timeout_ms ?? ATTEMPT_TIMEOUT_MS;
    this.#clients = clients;
    const { requester_pays = false, sse = '', sse_kms_key_id = '' } = options.headers ?? {};
    this.#every = requester_pays ? { RequestPayer: 'requester' } : {};
    this.#write = {
      ...this.#every,
      ...(sse === '' ? {} : { ServerSideEncryption: sse as ServerSideEncryption }),
      ...(sse_kms_key_id === '' ? {} : { SSEKMSKeyId: sse_kms_key_id }),
    };
    this.#options = [requester_pays ? 'requester-pays' : '', sse].filter((option) => option !== '').join(' ');
  }

  /** Sends nothing yet: a missing bucket is found by the first request. */
  static async open(options: S3StoreOptions): Promise<S3Store> {
    const { prefix } = options;
    if (prefix.length > 120 || (prefix !== '' && !prefix.split('/').every(isKeyPart))) {
      throw new StoreError('refused', 'bad_store_url', `not a prefix in a bucket: ${JSON.stringify(prefix)}`, {
        hint: 'use letters, digits and ._=- between slashes, at most 120 of them: s3://bucket/prefix',
      });
    }
    const attempt_timeout_ms = options.attempt_timeout_ms ?? ATTEMPT_TIMEOUT_MS;
    return new S3Store(options, await S3Clients.open({ ...options, attempt_timeout_ms }));
  }

  async putIfAbsent(key: string, bytes: Uint8Array): Promise<PutIfAbsentResult> {
    const Key = this.#name(key);
    const put = new PutObjectCommand({ Bucket: this.#bucket, Key, Body: bytes, IfNoneMatch: '*', ...this.#write });
    try {
      const { $metadata } = await this.#clients.send(() => this.#clients.once.send(put, this.#deadline(1)));
      return { created: true, server_ms: dateOf($metadata, this.url) };
    } catch (error) {
      if (isStatus(error, 412)) return { created: false, server_ms: dateOf(error, this.url) };
      throw storeError(error, this.locate(key));
    }
  }

  async get(key: string): Promise<GetResult> {
    const Key = this.#name(key);
    try {
      const get = new GetObjectCommand({ Bucket: this.#bucket, Key, ...this.#every });
      const response = await this.#retrying((client, deadline) => client.send(get, deadline));
      const bytes = await response.Body!.transformToByteArray();
      if (response.ContentLength !== undefined && response.ContentLength !== bytes.length) {
        throw new Error(`${bytes.length} of ${response.ContentLength} bytes arrived`);
      }
      const server_ms = dateOf(response.$metadata, this.url);
      const last_modified_ms = response.LastModified?.getTime();
      if (last_modified_ms === undefined) throw noClock(this.url, 'Last-Modified');
      return { found: true, bytes, last_modified_ms, server_ms };
    } catch (error) {
      if (isStatus(error, 404) && errorName(error) !== 'NoSuchBucket') {
        return { found: false, server_ms: dateOf(error, this.url) };
      }
      throw storeError(error, this.locate(key));
    }
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncIterable<ListedObject> {
    assertPrefix(prefix);
    if (options.after !== undefined) assertPrefix(options.after);
    const Prefix = `${this.#prefix}${prefix}`;
    const StartAfter = options.after ? `${this.#prefix}${options.after}` : undefined;
    let last = '';
    for (let ContinuationToken: string | undefined; ; ) {
      const where = { Bucket: this.#bucket, Prefix, StartAfter, ContinuationToken };
      const list = new ListObjectsV2Command({ ...where, ...this.#every });
      const page = await this.#retrying((client, deadline) => client.send(list, deadline)).catch((error) => {
        throw storeError(error, `${this.url}/${prefix}`);
      });
      for (const { Key = '', Size = 0, LastModified } of page.Contents ?? []) {
        const key = Key.slice(this.#prefix.length);
        if (!key.split('/').every(isKeyPart)) continue; // Not ours: a "folder" made by a console, for example.
        if (key <= last) throw unordered(this.url, last, key);
        last = key;
        yield { key, size_bytes: Size, last_modified_ms: LastModified?.getTime() ?? 0 };
      }
      ContinuationToken = page.NextContinuationToken;
      if (!page.IsTruncated || !ContinuationToken) return;
    }
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    const Key = this.#name(key);
    const put = new PutObjectCommand({ Bucket: this.#bucket, Key, Body: bytes, ...this.#write });
    await this.#retrying((client, deadline) => client.send(put, deadline)).catch((error) => {
      throw storeError(error, this.locate(key));
    });
  }

  async delete(key: string): Promise<void> {
    const Key = this.#name(key);
    const remove = new DeleteObjectCommand({ Bucket: this.#bucket, Key, ...this.#every });
    await this.#retrying((client, deadline) => client.send(remove, deadline)).catch((error) => {
      if (isStatus(error, 404) && errorName(error) !== 'NoSuchBucket') return;
      throw storeError(error, this.locate(key));
    });
  }

  locate(key: string): string {
    assertKey(key);
    return `${this.url}/${key}`;
  }

  async inspect(): Promise<StoreFinding[]> {
    const place = { bucket: this.#bucket, prefix: this.#prefix };
    return await inspectRules(this.#clients.retrying, place, this.#deadline(ATTEMPTS));
  }

  async identify(): Promise<StoreIdentity> {
    // Any response will do; errors of the store itself carry its headers too.
    const get = new GetObjectCommand({ Bucket: this.#bucket, Key: this.#name('meta/format.json'), ...this.#every });
    const responded = await this.#clients.retrying.send(get, this.#deadline(ATTEMPTS)).then(
      ({ $metadata }) => $metadata as WithHeaders,
      (error: unknown) => {
        const { store_headers = {} } = error as WithHeaders;
        if (Object.keys(store_headers).length === 0) throw storeError(error, this.url);
        return { store_headers };
      },
    );
    return { endpoint: this.#clients.endpoint, options: this.#options, headers: responded.store_headers ?? {} };
  }

  async race(key: string, bodies: readonly Uint8Array[]): Promise<RaceResult[]> {
    const Key = this.#name(key);
    const settled = await this.#clients.race.round(
      bodies.map((Body) => async () => {
        const put = new PutObjectCommand({ Bucket: this.#bucket, Key, Body, IfNoneMatch: '*', ...this.#write });
        return await this.#clients.racing.send(put);
      }),
    );
    return settled.map((each): RaceResult => {
      if (each.status === 'fulfilled') return { created: true };
      if (isStatus(each.reason, 412)) return { created: false };
      return { error: storeError(each.reason, this.locate(key)) };
    });
  }

  async close(): Promise<void> {
    this.#clients.destroy();
  }

  #retrying<T>(request: (client: S3Client, deadline: { abortSignal: AbortSignal }) => Promise<T>): Promise<T> {
    return this.#clients.send(() => request(this.#clients.retrying, this.#deadline(ATTEMPTS)));
  }

  #name(key: string): string {
    assertKey(key);
    return `${this.#prefix}${key}`;
  }

  #deadline(attempts: number): { abortSignal: AbortSignal } {
    return { abortSignal: AbortSignal.timeout(this.#attempt_timeout_ms * attempts) };
  }
}

function dateOf(responded: unknown, url: string): number {
  const date_ms = Date.parse((responded as WithHeaders).store_headers?.date ?? '');
  if (Number.isNaN(date_ms)) throw noClock(url, 'Date');
  return date_ms;
}

function noClock(url: string, header: string): StoreError {
  return new StoreError('refused', 'store_no_clock', `${url}: its responses have no ${header} header`, {
    hint: "the journal needs the store's own clock to be safe: configure the server, or the proxy in front of it, to send the header",
  });
}

function unordered(url: string, before: string, key: string): StoreError {
  return new StoreError('refused', 'store_unordered', `${url}: it lists ${key} after ${before}`, {
    hint: 'use a general purpose bucket: a directory bucket (S3 Express) lists without order',
  });
}
