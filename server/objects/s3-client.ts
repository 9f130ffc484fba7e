/**
 * The SDK's clients for one bucket: settings that clones of S3 need, headers that the owner configured, and credentials
 * that are read again when the store no longer takes them.
 *
 *     once       PutObject with If-None-Match: the SDK's retries are off
 *     retrying   everything else
 *     racing     PutObject with If-None-Match for the store check: signed first, sent at once (s3-race.ts)
 */
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { type Clock, systemClock } from '../clock.ts';
import { areCredentialsRejected, type WithHeaders } from './s3-errors.ts';
import { RaceHandler } from './s3-race.ts';

export type S3ClientOptions = {
  /** Instead of the AWS chain's: for tests. */
  client?: Pick<S3ClientConfig, 'endpoint' | 'region' | 'credentials'>;
  attempt_timeout_ms: number;
  clock?: Clock;
};

export const ATTEMPTS = 3;
const CONNECT_TIMEOUT_MS = 2000;
/** One for each writer of the store check; each commit needs one. */
export const SOCKETS = 64;
/** Credentials are read again at most this often: a source of them may be slow or limited. */
const RENEW_MS = 2_000;

type Credentials = { accessKeyId: string; secretAccessKey: string; sessionToken?: string };
type CredentialProvider = (options?: { forceRefresh?: boolean }) => Promise<Credentials>;

export class S3Clients {
  readonly once: S3Client;
  readonly retrying: S3Client;
  readonly racing: S3Client;
  readonly race: RaceHandler;
  /** The configured endpoint, if it is not Amazon's. */
  readonly endpoint: string | null;
  readonly #credentials: CredentialProvider;
  readonly #clock: Clock;
  #renewed_ms = Number.NEGATIVE_INFINITY;
  #renewing: Promise<void> | null = null;
  /** Counts the credentials that were in use. */
  #generation = 0;

  private constructor(shared: S3ClientConfig, endpoint: string | null, options: S3ClientOptions) {
    this.once = new S3Client({ ...shared, maxAttempts: 1 });
    const requestHandler = this.once.config.requestHandler;
    this.retrying = new S3Client({ ...shared, maxAttempts: ATTEMPTS, requestHandler });
    this.race = new RaceHandler({ sockets: SOCKETS, timeout_ms: options.attempt_timeout_ms });
    this.racing = new S3Client({ ...shared, maxAttempts: 1, requestHandler: this.race });
    for (const client of [this.once, this.retrying, this.racing]) keepHeaders(client);
    this.endpoint = endpoint;
    this.#credentials = shared.credentials as CredentialProvider;
    this.#clock = options.clock ?? systemClock;
  }

  static async open(options: S3ClientOptions): Promise<S3Clients> {
    // By default the SDK caches the shared files for the life of the process.
    const chain = new S3Client({ ...options.client, ignoreCache: true } as S3ClientConfig);
    const configured = options.client?.endpoint ?? (await chain.config.serviceConfiguredEndpoint?.());
    const custom = configured !== undefined;
    const region = await chain.config.region().catch(() => 'us-east-1');
    chain.destroy();
    const shared: S3ClientConfig = {
      ...options.client,
      region,
      credentials: chain.config.credentials,
      forcePathStyle: custom,
      followRegionRedirects: !custom,
      // Clones support neither the trailers of the newer checksums nor, behind some proxies, `Expect`.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      expectContinueHeader: false,
      requestHandler: {
        connectionTimeout: CONNECT_TIMEOUT_MS,
        requestTimeout: options.attempt_timeout_ms,
        throwOnRequestTimeout: true,
        httpAgent: { keepAlive: true, maxSockets: SOCKETS },
        httpsAgent: { keepAlive: true, maxSockets: SOCKETS },
      },
    };
    return new S3Clients(shared, custom ? addressOf(configured) : null, options);
  }

  /**
   * Runs one request. If the store rejects the credentials, which has no other effect, they are read again, and the
   * request is sent once more if they have changed: sign-in tools rewrite a shared file whose credentials have no
   * expiry.
   */
  async send<T>(request: () => Promise<T>): Promise<T> {
    const signed_with = this.#generation;
    try {
      return await request();
    } catch (error) {
      if (!areCredentialsRejected(error)) throw error;
      if (this.#generation === signed_with) await this.#renew();
      if (this.#generation === signed_with) throw error;
      return await request();
    }
  }

  destroy(): void {
    for (const client of [this.once, this.retrying, this.racing]) client.destroy();
  }

  #renew(): Promise<void> {
    this.#renewing ??= this.#readAgain().finally(() => {
      this.#renewing = null;
    });
    return this.#renewing;
  }

  async #readAgain(): Promise<void> {
    const now_ms = this.#clock.monotonic();
    if (now_ms - this.#renewed_ms < RENEW_MS) return;
    this.#renewed_ms = now_ms;
    const before = await this.#credentials();
    // If reading the credentials fails, the store's own error is reported.
    const after = await this.#credentials({ forceRefresh: true }).catch(() => before);
    const same = (['accessKeyId', 'secretAccessKey', 'sessionToken'] as const).every(
      (part) => before[part] === after[part],
    );
    if (!same) this.#generation += 1;
  }
}

/** Adds the response's headers to the metadata that the SDK returns with outputs, and to errors. */
function keepHeaders(client: S3Client): void {
  client.middlewareStack.add(
    (next) => async (args) => {
      try {
        const result = await next(args);
        const { headers } = result.response as { headers: Record<string, string> };
        (result.output as { $metadata: WithHeaders }).$metadata.store_headers = headers;
        return result;
      } catch (error) {
        const failed = error as { $response?: { headers?: Record<string, string> } } & WithHeaders;
        failed.store_headers = failed.$response?.headers ?? {};
        throw error;
      }
    },
    { step: 'deserialize', priority: 'high', name: 'keepHeaders' },
  );
}

function addressOf(endpoint: unknown): string {
  if (typeof endpoint === 'string') return endpoint.replace(/\/+$/, '');
  const { protocol, hostname, port } = endpoint as { protocol?: string; hostname?: string; port?: number };
  return hostname === undefined ? 'custom' : `${protocol ?? 'https:'}//${hostname}${port ? `:${port}` : ''}`;
}
