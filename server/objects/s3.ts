/**
 * Objects in a bucket of S3, or of a server that speaks it.
 *
 * `putIfAbsent` is PutObject with `If-None-Match: *`, sent exactly once: the SDK's retries are off for it, because after a
 * lost answer only the journal can tell from the object's content whose put it was. Everything else is retried thrice.
 * `server_ms` is the `Date` header, read off every answer, 404 and 412 among them.
 *
 * Cost (S3 Standard): $5 per million puts and lists, $0.40 per million gets; deletes are free.
 */
import {
  DeleteObjectCommand,
  GetBucketLifecycleConfigurationCommand,
  GetObjectCommand,
  type LifecycleRule,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import { errorName, isStatus, storeError } from './s3-errors.ts';
import {
  assertKey,
  assertPrefix,
  type GetResult,
  isKeyPart,
  type ListedObject,
  type ListOptions,
  type ObjectStore,
  type PutIfAbsentResult,
  StoreError,
  type StoreFinding,
} from './store.ts';

export type S3StoreOptions = {
  bucket: string;
  /** Without a slash at either end; `''` for the whole bucket. At most 120 bytes, so that any key fits in S3's 1,024. */
  prefix: string;
  /** One attempt of one request, its body included, is given up after this. */
  attempt_timeout_ms?: number;
  /** What the AWS chain would otherwise find: for tests. */
  client?: Pick<S3ClientConfig, 'endpoint' | 'region' | 'credentials'>;
};

const ATTEMPTS = 3;
const ATTEMPT_TIMEOUT_MS = 5000;
const CONNECT_TIMEOUT_MS = 2000;
/** As many as the store check has writers; each commit needs one. */
const SOCKETS = 64;

export class S3Store implements ObjectStore {
  readonly url: string;
  readonly shared = true;
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #attempt_timeout_ms: number;
  /** The SDK's retries are off: for putIfAbsent. */
  readonly #once: S3Client;
  readonly #retrying: S3Client;

  private constructor(options: S3StoreOptions, clients: { once: S3Client; retrying: S3Client }) {
    this.url = `s3://${options.bucket}${options.prefix && `/${options.prefix}`}`;
    this.#bucket = options.bucket;
    this.#prefix = options.prefix && `${options.prefix}/`;
    this.#attempt_timeout_ms = options.attempt_timeout_ms ?? ATTEMPT_TIMEOUT_MS;
    this.#once = clients.once;
    this.#retrying = clients.retrying;
  }

  /** Sends nothing yet: a bucket that isn't there is found by the first request. */
  static async open(options: S3StoreOptions): Promise<S3Store> {
    const { prefix } = options;
    if (prefix.length > 120 || (prefix !== '' && !prefix.split('/').every(isKeyPart))) {
      throw new StoreError('refused', 'bad_store_url', `not a prefix in a bucket: ${JSON.stringify(prefix)}`, {
        hint: 'use letters, digits and ._=- between slashes, at most 120 of them: s3://bucket/prefix',
      });
    }
    const shared = await clientConfig(options);
    const once = new S3Client({ ...shared, maxAttempts: 1 });
    const retrying = new S3Client({ ...shared, maxAttempts: ATTEMPTS, requestHandler: once.config.requestHandler });
    for (const client of [once, retrying]) keepDates(client);
    return new S3Store(options, { once, retrying });
  }

  async putIfAbsent(key: string, bytes: Uint8Array): Promise<PutIfAbsentResult> {
    const Key = this.#name(key);
    const put = new PutObjectCommand({ Bucket: this.#bucket, Key, Body: bytes, IfNoneMatch: '*' });
    try {
      const { $metadata } = await this.#once.send(put, this.#deadline(1));
      return { created: true, server_ms: dateOf($metadata, this.url) };
    } catch (error) {
      if (isStatus(error, 412)) return { created: false, server_ms: dateOf(error, this.url) };
      throw storeError(error, this.locate(key));
    }
  }

  async get(key: string): Promise<GetResult> {
    const Key = this.#name(key);
    try {
      const get = new GetObjectCommand({ Bucket: this.#bucket, Key });
      const answer = await this.#retrying.send(get, this.#deadline(ATTEMPTS));
      const bytes = await answer.Body!.transformToByteArray();
      if (answer.ContentLength !== undefined && answer.ContentLength !== bytes.length) {
        throw new Error(`${bytes.length} of ${answer.ContentLength} bytes arrived`);
      }
      const server_ms = dateOf(answer.$metadata, this.url);
      const last_modified_ms = answer.LastModified?.getTime();
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
      const list = new ListObjectsV2Command({ Bucket: this.#bucket, Prefix, StartAfter, ContinuationToken });
      const page = await this.#retrying.send(list, this.#deadline(ATTEMPTS)).catch((error) => {
        throw storeError(error, `${this.url}/${prefix}`);
      });
      for (const { Key = '', Size = 0, LastModified } of page.Contents ?? []) {
        const key = Key.slice(this.#prefix.length);
        if (!key.split('/').every(isKeyPart)) continue; // Not ours: a "folder" that a console made, say.
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
    const put = new PutObjectCommand({ Bucket: this.#bucket, Key, Body: bytes });
    await this.#retrying.send(put, this.#deadline(ATTEMPTS)).catch((error) => {
      throw storeError(error, this.locate(key));
    });
  }

  async delete(key: string): Promise<void> {
    const Key = this.#name(key);
    const remove = new DeleteObjectCommand({ Bucket: this.#bucket, Key });
    await this.#retrying.send(remove, this.#deadline(ATTEMPTS)).catch((error) => {
      if (isStatus(error, 404) && errorName(error) !== 'NoSuchBucket') return;
      throw storeError(error, this.locate(key));
    });
  }

  locate(key: string): string {
    assertKey(key);
    return `${this.url}/${key}`;
  }

  async inspect(): Promise<StoreFinding[]> {
    const check = 'lifecycle rules';
    const hint = `limit the rule to keys outside ${this.#prefix}journal/ and ${this.#prefix}snapshots/, or remove it`;
    try {
      const read = new GetBucketLifecycleConfigurationCommand({ Bucket: this.#bucket });
      const { Rules = [] } = await this.#retrying.send(read, this.#deadline(ATTEMPTS));
      const harmful = Rules.filter((rule) => this.#expires(rule, 'journal/') || this.#expires(rule, 'snapshots/'));
      const names = harmful.map((rule) => rule.ID ?? 'unnamed').join(', ');
      if (harmful.length === 0) return [{ check, verdict: 'pass', says: 'no rule expires or archives the journal' }];
      return [{ check, verdict: 'fail', says: `the bucket's rule ${names} deletes or archives the journal`, hint }];
    } catch (error) {
      if (errorName(error) === 'NoSuchLifecycleConfiguration') {
        return [{ check, verdict: 'pass', says: 'the bucket has no lifecycle rules' }];
      }
      if (errorName(error) === 'NotImplemented') {
        return [{ check, verdict: 'pass', says: 'this server knows no lifecycle rules' }];
      }
      const says = `the bucket's lifecycle rules can't be read (${errorName(error)}): see that none touches the journal`;
      return [{ check, verdict: 'skip', says, hint: 'allow s3:GetLifecycleConfiguration to have it checked' }];
    }
  }

  async close(): Promise<void> {
    this.#once.destroy();
    this.#retrying.destroy();
  }

  #name(key: string): string {
    assertKey(key);
    return `${this.#prefix}${key}`;
  }

  #deadline(attempts: number): { abortSignal: AbortSignal } {
    return { abortSignal: AbortSignal.timeout(this.#attempt_timeout_ms * attempts) };
  }

  #expires(rule: LifecycleRule, folder: string): boolean {
    if (rule.Status !== 'Enabled') return false;
    // Archived objects can't be read at once. Old versions and broken uploads are none of the journal's.
    if (!rule.Expiration?.Days && !rule.Expiration?.Date && !rule.Transitions?.length) return false;
    const { Filter } = rule;
    if (Filter?.Tag || Filter?.And?.Tags?.length) return false; // Nothing of ours is tagged.
    const theirs = Filter?.Prefix ?? Filter?.And?.Prefix ?? rule.Prefix ?? '';
    const ours = `${this.#prefix}${folder}`;
    return ours.startsWith(theirs) || theirs.startsWith(ours);
  }
}

/** The AWS chain's own endpoint, region and credentials, with the two things that clones of S3 need to be told. */
async function clientConfig(options: S3StoreOptions): Promise<S3ClientConfig> {
  const chain = new S3Client(options.client ?? {});
  const configured = await chain.config.serviceConfiguredEndpoint?.();
  const custom = options.client?.endpoint !== undefined || configured !== undefined;
  const region = await chain.config.region().catch(() => 'us-east-1');
  chain.destroy();
  return {
    ...options.client,
    region,
    forcePathStyle: custom,
    followRegionRedirects: !custom,
    // Clones know neither the newer checksums' trailers nor, behind some proxies, `Expect`.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    expectContinueHeader: false,
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: options.attempt_timeout_ms ?? ATTEMPT_TIMEOUT_MS,
      throwOnRequestTimeout: true,
      httpAgent: { keepAlive: true, maxSockets: SOCKETS },
      httpsAgent: { keepAlive: true, maxSockets: SOCKETS },
    },
  };
}

type Dated = { store_date?: string };

/** Puts the answer's `Date` header into the metadata that the SDK hands out with outputs and errors alike. */
function keepDates(client: S3Client): void {
  client.middlewareStack.add(
    (next) => async (args) => {
      try {
        const result = await next(args);
        const { headers } = result.response as { headers: Record<string, string> };
        (result.output as { $metadata: Dated }).$metadata.store_date = headers.date;
        return result;
      } catch (error) {
        const answered = error as { $response?: { headers?: Record<string, string> } } & Dated;
        answered.store_date = answered.$response?.headers?.date;
        throw error;
      }
    },
    { step: 'deserialize', priority: 'high', name: 'keepDates' },
  );
}

function dateOf(answered: unknown, url: string): number {
  const date_ms = Date.parse((answered as Dated).store_date ?? '');
  if (Number.isNaN(date_ms)) throw noClock(url, 'Date');
  return date_ms;
}

function noClock(url: string, header: string): StoreError {
  return new StoreError('refused', 'store_no_clock', `${url}: its answers have no ${header} header`, {
    hint: "the journal needs the store's own clock to be safe: have the server or the proxy before it send the header",
  });
}

function unordered(url: string, before: string, key: string): StoreError {
  return new StoreError('refused', 'store_unordered', `${url}: it lists ${key} after ${before}`, {
    hint: 'use a general purpose bucket: a directory bucket (S3 Express) lists in no order',
  });
}
