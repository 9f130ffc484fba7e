/**
 * One connection to Redis, which writes jobs. It does not reconnect or wait: a call that fails or takes too long closes
 * it, and its owner opens another when it chooses. So nothing piles up while Redis is away.
 */
import { createClient } from 'redis';
import { WRITE_JOB, writeJobArguments } from '../../protocol/job-cache.ts';
import type { Clock } from '../clock.ts';

/** `document`: JSON, or '' if the job is not active. */
export type CacheEntry = { job_id: string; document: string; as_of_seq: number };

export type RedisConnectionOptions = {
  url: string;
  clock: Clock;
  /** Called once if the connection ends, except by `close`. */
  onLost: (error: unknown) => void;
};

const CONNECT_MS = 2_000;
const REPLY_MS = 2_000;

/** Not a job id, so its keys are never in use: an entry that shows whether Redis accepts writes. */
const PROBE: CacheEntry = { job_id: '-probe', document: '', as_of_seq: 0 };

export class RedisConnection {
  readonly #clock: Clock;
  readonly #client: ReturnType<typeof clientOf>;
  #onLost: ((error: unknown) => void) | null;

  /** Rejects if Redis can't be reached or refuses writes. */
  static async open(options: RedisConnectionOptions): Promise<RedisConnection> {
    const connection = new RedisConnection(options);
    try {
      await connection.#inTime(connection.#client.connect(), CONNECT_MS);
      await connection.write([PROBE]);
    } catch (error) {
      connection.close();
      throw error;
    }
    return connection;
  }

  private constructor({ url, clock, onLost }: RedisConnectionOptions) {
    this.#clock = clock;
    this.#onLost = onLost;
    this.#client = clientOf(url);
    this.#client.on('error', (error: unknown) => {
      const lost = this.#client.isReady ? null : this.#onLost;
      if (!lost) return;
      this.close();
      lost(error);
    });
  }

  /**
   * In one round trip. Returns how many were written: Redis has newer documents of the others. Rejects if any fails.
   */
  async write(entries: readonly CacheEntry[]): Promise<number> {
    const replies = entries.map(({ job_id, document, as_of_seq }) =>
      this.#client.eval(WRITE_JOB, writeJobArguments(job_id, document, as_of_seq)),
    );
    const written = await this.#inTime(Promise.all(replies), REPLY_MS);
    return written.filter((reply) => reply === 1).length;
  }

  close(): void {
    this.#onLost = null;
    if (this.#client.isOpen) this.#client.destroy();
  }

  #inTime<T>(work: Promise<T>, limit_ms: number): Promise<T> {
    return new Promise((resolve, reject) => {
      const late = () => reject(new Error(`no response within ${limit_ms} ms`));
      const cancel = this.#clock.after(limit_ms, late);
      work.then(resolve, reject).finally(cancel);
    });
  }
}

function clientOf(url: string) {
  return createClient({
    url,
    // Supported by every Redis since 2.6.
    RESP: 2,
    disableClientInfo: true,
    disableOfflineQueue: true,
    socket: { connectTimeout: CONNECT_MS, reconnectStrategy: false },
  });
}
