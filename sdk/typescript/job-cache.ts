/** Jobs in the monitor's Redis: `job:{job_id}` holds a job's document for 300 s. Reading and filling it never reject. */
import type { Job } from '../../protocol/job.ts';
import { cachedJobKey, WRITE_JOB, writeJobArguments } from '../../protocol/job-cache.ts';

/** What StateAPI needs of a client of Redis: node-redis's `createClient()` has it. */
export type StateRedis = {
  get(key: string): Promise<string | null>;
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>;
};

export type JobCacheOptions = {
  redis: StateRedis | null;
  log: (line: string) => void;
  timeoutMs: number;
};

/** A Redis that failed is left alone for this long, so that reads don't wait for it one by one. */
const PAUSE_MS = 5_000;

export class JobCache {
  readonly #redis: StateRedis | null;
  readonly #reads: Guard;
  /** A Redis that refuses writes, such as a replica, can still be read. */
  readonly #writes: Guard;

  constructor({ redis, log, timeoutMs }: JobCacheOptions) {
    this.#redis = redis;
    this.#reads = new Guard('be read', log, timeoutMs);
    this.#writes = new Guard('be filled', log, timeoutMs);
  }

  async get(jobId: string): Promise<Job | null> {
    const redis = this.#redis;
    if (!redis) return null;
    const text = await this.#reads.call(() => redis.get(cachedJobKey(jobId)));
    return text === null ? null : jobOf(text, jobId);
  }

  async fill(job: Job): Promise<void> {
    const redis = this.#redis;
    if (!redis || this.#reads.paused) return;
    const written = writeJobArguments(job.job_id, JSON.stringify(job), job.as_of_seq);
    await this.#writes.call(() => redis.eval(WRITE_JOB, written));
  }
}

/** Null if the text is not this job's document. */
export function jobOf(text: string, jobId: string): Job | null {
  try {
    const job = JSON.parse(text) as Job | null;
    return job?.job_id === jobId && Number.isSafeInteger(job.as_of_seq) ? job : null;
  } catch {
    return null;
  }
}

/** Calls of one kind: a failure is logged once, until a call succeeds again; after it there is a pause. */
class Guard {
  readonly #what: string;
  readonly #log: (line: string) => void;
  readonly #timeoutMs: number;
  #failed = false;
  #resumeMs = 0;

  constructor(what: string, log: (line: string) => void, timeoutMs: number) {
    this.#what = what;
    this.#log = log;
    this.#timeoutMs = timeoutMs;
  }

  get paused(): boolean {
    return performance.now() < this.#resumeMs;
  }

  /** Null if it fails, or isn't tried. */
  async call<T>(call: () => Promise<T>): Promise<T | null> {
    if (this.paused) return null;
    try {
      const result = await inTime(call(), this.#timeoutMs);
      if (this.#failed) this.#log(`transcription-monitor: the cache can ${this.#what} again`);
      this.#failed = false;
      return result;
    } catch (error) {
      this.#resumeMs = performance.now() + PAUSE_MS;
      const reason = error instanceof Error ? error.message || error.name : String(error);
      const line = `transcription-monitor: the cache can't ${this.#what}: ${reason}; reading the store until it can`;
      if (!this.#failed) this.#log(line);
      this.#failed = true;
      return null;
    }
  }
}

/** A client that reconnects keeps commands waiting until Redis is back. */
function inTime<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no response within ${timeoutMs} ms`)), timeoutMs);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
