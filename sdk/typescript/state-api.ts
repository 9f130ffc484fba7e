/**
 * `StateAPI`: the state of a job from the monitor's cache in Redis and from its store, without calling the monitor.
 *
 *     const redis = createClient({ url: 'redis://127.0.0.1:6379', disableOfflineQueue: true }).on('error', () => {});
 *     await redis.connect();
 *     const states = new StateAPI({ redis, s3 });
 *     const { state, progress } = await states.getJobState('job-01J2ZQ…');
 *
 * It needs no package of its own. `redis` is a client of node-redis; `s3` reads one object, of a bucket or a directory:
 *
 *     const noneIf = (name: string) => (error: Error & { code?: string }) => {
 *       if (error.name === name || error.code === name) return null;
 *       throw error;
 *     };
 *     const s3 = {
 *       getObject: (key: string) =>
 *         client
 *           .send(new GetObjectCommand({ Bucket: 'my-bucket', Key: `tmon/${key}` }))
 *           .then(({ Body }) => Body!.transformToString(), noneIf('NoSuchKey')),
 *     };
 *     const directory = { getObject: (key: string) => readFile(`./data/${key}`, 'utf8').catch(noneIf('ENOENT')) };
 */
import { isId } from '../../protocol/id-pattern.ts';
import type { Job } from '../../protocol/job.ts';
import { ApiError, NotFoundError, ServerFaultError, UnavailableError } from './errors.ts';
import { JobCache, jobOf, type StateRedis } from './job-cache.ts';
import { type JobWithId, withId } from './job-with-id.ts';

export type StateStore = {
  /** The object's text, null if there is none. A rejection is passed on: the store can't be read. */
  getObject(key: string): Promise<string | null>;
};

export type StateOptions = {
  /** Null for no cache. */
  redis: StateRedis | null;
  s3: StateStore;
  /** Receives a line when Redis fails, and when it is back. Default: `console.warn`. */
  log?: ((line: string) => void) | undefined;
  /** How long to wait for Redis. Default 1000. */
  redisTimeoutMs?: number | undefined;
};

export type JobStateOptions = {
  /** Nothing older is returned: the `as_of_seq` of what you have seen of this job. */
  minSeq?: number | undefined;
  /** When the job ended, its `completed_at`, if that is more than an hour ago. */
  endedAt?: Date | string | undefined;
};

const ENDS = ['completed', 'failed', 'cancelled'] as const;
const HOUR_MS = 3_600_000;

export class StateAPI {
  /** Hot cache of active jobs. */
  readonly redis: StateRedis | null;
  /** Cold storage of all states. */
  readonly s3: StateStore;
  readonly #cache: JobCache;

  constructor({ redis, s3, log = console.warn, redisTimeoutMs = 1_000 }: StateOptions) {
    this.redis = redis;
    this.s3 = s3;
    this.#cache = new JobCache({ redis, log, timeoutMs: redisTimeoutMs });
  }

  /**
   * The job's document: from the cache, else from the store, which fills the cache. The store's documents follow the
   * journal by some seconds (docs/format.md, Views), the cache by a fraction of one.
   *
   * Finds a job that is active, is a dead letter, or ended in this hour or the last, in at most 8 reads. A job that ended
   * before that is found by `endedAt`, as long as the monitor keeps its documents (`--job-views-days`, 30). Any other job
   * can only be found by the monitor's journal: `new TranscriptionAPI(…).jobs.get(jobId)`.
   *
   * Throws NotFoundError; UnavailableError `seq_not_reached` if all it finds is older than `minSeq`; ServerFaultError
   * `view_damaged` with the key of an object that is no document; whatever `getObject` rejects with.
   */
  async getJobState(jobId: string, { minSeq = 0, endedAt }: JobStateOptions = {}): Promise<JobWithId> {
    if (!isId(jobId)) {
      throw new ApiError(`${JSON.stringify(jobId)} is not an id`, {
        code: 'bad_id',
        hint: 'Ids look like job-01J2ZQ…',
      });
    }
    const cached = await this.#cache.get(jobId);
    if (cached && cached.as_of_seq >= minSeq) return withId(cached);
    const active = await this.#read(`jobs/active/${jobId}/state.json`, jobId);
    if (active && active.as_of_seq >= minSeq) {
      await this.#cache.fill(active);
      return withId(active);
    }
    const found = [cached, active];
    for (const key of finishedKeys(jobId, endedAt)) {
      const job = await this.#read(key, jobId);
      if (job && job.as_of_seq >= minSeq) return withId(job);
      found.push(job);
    }
    const newest = Math.max(...found.map((job) => job?.as_of_seq ?? -1));
    throw newest < 0 ? notFound(jobId) : tooOld(jobId, newest, minSeq);
  }

  async #read(key: string, jobId: string): Promise<Job | null> {
    const text = await this.s3.getObject(key);
    if (text === null) return null;
    const job = jobOf(text, jobId);
    if (!job) throw damaged(key);
    return job;
  }
}

/** Where the document of a job that has ended may be, as far as that is known without the journal. */
function* finishedKeys(jobId: string, endedAt: Date | string | undefined): Generator<string> {
  yield `jobs/failed/${jobId}/state.json`;
  const now = Date.now();
  const hours = endedAt === undefined ? [new Date(now), new Date(now - HOUR_MS)] : [timeOf(endedAt)];
  for (const hour of hours) {
    const [, day, hourOfDay] = /^(.+)T(\d\d)/.exec(hour.toISOString())!;
    for (const end of ENDS) yield `jobs/${end}/${day!.replaceAll('-', '/')}/hour=${hourOfDay}/${jobId}.json`;
  }
}

function timeOf(endedAt: Date | string): Date {
  const time = new Date(endedAt);
  if (!Number.isNaN(time.getTime())) return time;
  throw new ApiError(`endedAt is ${JSON.stringify(endedAt)}`, {
    code: 'bad_time',
    hint: "Pass the job's completed_at.",
  });
}

const TITLE = { type: 'about:blank', title: 'Not in the store' };

const notFound = (jobId: string): NotFoundError =>
  new NotFoundError({
    ...TITLE,
    status: 404,
    code: 'job_not_found',
    detail: `${jobId} is neither in the cache nor active or recently finished in the store`,
    hint: 'If it ended more than an hour ago, pass endedAt, or ask the monitor: new TranscriptionAPI(…).jobs.get(jobId).',
  });

const tooOld = (jobId: string, newest: number, minSeq: number): UnavailableError =>
  new UnavailableError(
    {
      ...TITLE,
      status: 503,
      code: 'seq_not_reached',
      detail: `${jobId} is known as of ${newest}, not yet as of ${minSeq}`,
      hint: 'The store follows the journal by some seconds: try again, or ask the monitor.',
    },
    1,
  );

const damaged = (key: string): ServerFaultError =>
  new ServerFaultError({
    ...TITLE,
    status: 500,
    code: 'view_damaged',
    detail: `${key} is not the document of this job`,
    hint: '`tmon rebuild --store URL` writes it again.',
  });
