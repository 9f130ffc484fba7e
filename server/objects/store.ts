/**
 * The object port: the one thing that transcription-monitor needs to run, a place to keep objects.
 *
 * Five operations, no compare-and-swap: stores differ too much on ETags, and a directory can't do it. `putIfAbsent` is
 * the only primitive on which the journal's safety rests; `put` overwrites and serves views alone.
 *
 * Every result carries `server_ms`, the store's own clock at the response (S3: the `Date` header). The journal's gap
 * rule compares it with `last_modified_ms`; it never compares either with this machine's clock.
 *
 * A failure is a StoreError, and its kind says what the caller may do:
 *
 *     unavailable   no response, or a transient one (409, 429, 5xx, timeout, reset): the effect is UNKNOWN; send the same bytes again
 *     refused       the store will not (403, 400, full, read-only, bad bucket): stop writing, inform the owner
 *
 * Keys are `/`-separated and relative, of parts that match `[A-Za-z0-9_][A-Za-z0-9._=-]*`; `assertKey` holds callers to
 * it, so that no name can leave the prefix, and what begins with a dot is the adapter's own (lock, temporary files). A
 * key is never also the folder of another (`a` and `a/b`): memory and directory refuse the second as `key_conflict`; a
 * bucket would keep both.
 */

export interface ObjectStore {
  /** The URL it was opened with, without credentials: `dir:/srv/data`, `s3://bucket/prefix`, `memory:`. */
  readonly url: string;

  /**
   * Whether other instances may write to it while this one has it open: true for a bucket, false for a locked directory
   * or memory.
   */
  readonly shared: boolean;

  /**
   * Creates the object if no object has this key; the creation is atomic and durable when `created` is true. Among any
   * number of racing callers exactly one gets `created: true`, and every later read gives that caller's bytes.
   */
  putIfAbsent(key: string, bytes: Uint8Array): Promise<PutIfAbsentResult>;

  /** The whole object, or `found: false`. Reads see every write that was acknowledged before they began. */
  get(key: string): Promise<GetResult>;

  /** All objects whose key starts with `prefix`, in ascending order of the key's UTF-8 bytes. */
  list(prefix: string, options?: ListOptions): AsyncIterable<ListedObject>;

  /** Creates or replaces. Atomic: a reader sees the old or the new bytes. A crash may lose it: for views alone. */
  put(key: string, bytes: Uint8Array): Promise<void>;

  /** Removes the object; no error if there is none. */
  delete(key: string): Promise<void>;

  /** The address at which the owner finds the object without us: `s3://bucket/prefix/key`, `file:///srv/data/key`. */
  locate(key: string): string;

  /** Resolves with the reason once this process can no longer use the store. Absent if that can't happen. */
  readonly failed?: Promise<StoreError>;

  /** What only this adapter can report about its place, for the store check: for example a bucket's lifecycle rules. */
  inspect?(): Promise<StoreFinding[]>;

  /** The server of this place, as it identifies itself; only adapters of servers that others run have it. */
  identify?(): Promise<StoreIdentity>;

  /**
   * `putIfAbsent` of each of the bodies under one key, as simultaneously as this adapter can; for the store check.
   * Returns their results in order, and never throws for a response of the store.
   */
  race?(key: string, bodies: readonly Uint8Array[]): Promise<RaceResult[]>;

  /** Closes connections and releases locks. No call may follow. */
  close(): Promise<void>;
}

export type PutIfAbsentResult = { created: boolean; server_ms: number };

export type GetResult =
  | { found: true; bytes: Uint8Array; last_modified_ms: number; server_ms: number }
  | { found: false; server_ms: number };

export type ListOptions = {
  /** Only keys greater than this one; it need not exist, nor be under `prefix`. */
  after?: string;
};

export type ListedObject = { key: string; size_bytes: number; last_modified_ms: number };

export type RaceResult = { created: boolean } | { error: StoreError };

export type StoreIdentity = {
  /** `https://minio.example:9000`; null for Amazon's own. */
  endpoint: string | null;
  /** Options sent with requests that may change how the store behaves: `aws:kms`. */
  options: string;
  /** Headers of one of its responses, names in lower case. */
  headers: Readonly<Record<string, string>>;
};

/**
 * One finding of the store check, for the owner. `warn` lets the monitor run; `skip` gives the reason why it was not
 * checked; `unfinished`: the store did not respond for long enough, which proves nothing about its guarantees.
 */
export type StoreFinding = {
  check: string;
  verdict: 'pass' | 'warn' | 'fail' | 'skip' | 'unfinished';
  says: string;
  hint?: string;
  /** Of a `fail`: the store was seen to break a promise, rather than to refuse a request. */
  broken?: true;
};

export type StoreErrorKind = 'unavailable' | 'refused';

export class StoreError extends Error {
  readonly kind: StoreErrorKind;
  /** Stable, lower case: `store_timeout`, `store_full`, `store_read_only`, `store_denied`, `store_locked`, … */
  readonly code: string;
  /** What the owner can do about it, if possible as a command. */
  readonly hint: string | undefined;

  constructor(kind: StoreErrorKind, code: string, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'StoreError';
    this.kind = kind;
    this.code = code;
    this.hint = options.hint;
  }
}

const PART = /^[A-Za-z0-9_][A-Za-z0-9._=-]*$/;

/** The order of lists. Keys are ASCII, so comparing UTF-16 code units compares their bytes. */
export function compareKeys(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Whether a key may have this between its slashes. */
export function isKeyPart(part: string): boolean {
  return part.length <= 200 && PART.test(part);
}

/**
 * Throws on a key that not every adapter could keep: empty, absolute, with a leading dot, with odd characters, over 900
 * bytes.
 */
export function assertKey(key: string): void {
  if (key.length > 0 && key.length <= 900 && key.split('/').every(isKeyPart)) return;
  throw new StoreError('refused', 'bad_key', `not a key: ${JSON.stringify(key.slice(0, 100))}`);
}

/**
 * Throws on a prefix that no key could start with. A prefix is a key cut anywhere: `''`, `jou`, `journal/`,
 * `journal/0001`.
 */
export function assertPrefix(prefix: string): void {
  if (prefix === '') return;
  try {
    assertKey(prefix.endsWith('/') ? prefix.slice(0, -1) : prefix);
  } catch (error) {
    throw new StoreError('refused', 'bad_key', `not a prefix of keys: ${JSON.stringify(prefix.slice(0, 100))}`, {
      cause: error,
    });
  }
}
