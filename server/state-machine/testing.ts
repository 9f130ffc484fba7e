/** For tests of the state machine: a fold that runs each command as a segment, at a log time set by the test. */
import type { JobSubmission } from '../../protocol/job.ts';
import type { Sighting } from '../../protocol/sighting.ts';
import { HOUR_MS, parseTime } from '../../protocol/time.ts';
import { defaultRules } from '../alerts/rules/defaults.ts';
import { NO_ROUTES } from '../notices/routes/routes.ts';
import { defaultPolicies } from '../policies/defaults.ts';
import { applyEvents, beginSegment, eventId, isRemembered, UNREMEMBERED } from './apply/apply.ts';
import type { Command, CommandBody } from './decide/commands.ts';
import { decide } from './decide/decide.ts';
import type { Refusal } from './decide/decision.ts';
import type { Policy } from './decide/policy.ts';
import type { Event, JournalEvent } from './events.ts';
import type { AttemptError, CommandRef, JobRecord, Pack, WorkerRecord } from './state/records.ts';
import { State } from './state/state.ts';

export const POLICY: Policy = {
  lease_ms: 60_000,
  kill_deadline_ms: 60_000,
  retry_base_ms: 5_000,
  retry_max_ms: 600_000,
  passes_max: 50,
  elsewhere_ms: 600_000,
  worker_degraded_ms: 30_000,
  worker_lost_ms: 90_000,
  worker_terminated_ms: HOUR_MS,
  worker_start_ms: 600_000,
  dlq_window_ms: 14 * 24 * HOUR_MS,
  commands_window_ms: 24 * HOUR_MS,
  commands_max: 100_000,
  alerts: defaultRules(),
  policies: defaultPolicies(),
  routing: NO_ROUTES,
  notice_claim_ms: 60_000,
  notice_retry_base_ms: 5_000,
  notice_retry_max_ms: HOUR_MS,
  notice_give_up_ms: 72 * HOUR_MS,
  notices_window_ms: 24 * HOUR_MS,
  notices_max: 10_000,
};

export type Result = {
  events: readonly Event[];
  refs: readonly CommandRef[] | undefined;
  refusal: Refusal | undefined;
};

export type Lease = { job_id: string; token: string; expires_ms: number };

/** The time in the documents' examples. */
const START_MS = parseTime('2025-07-07T19:30:00Z');

let packs = 0;

/** What is said of a pack that nobody reads. */
export function packNamed(key = `archive/packs/2025/07/07/pack-${packs++}.ndjson`): Pack {
  return { key, sha256: key, first_ms: START_MS, last_ms: START_MS, first_ordinal: 0, last_ordinal: 1e9 };
}

/** These jobs lie in a pack now, and may be forgotten. */
export function forgetJobs(
  jobs: readonly { job_id: string; version: number }[],
  made_ms = START_MS,
): CommandBody & { type: 'forget' } {
  const archived = jobs.map(({ job_id: id, version }) => ({ id, version }));
  return {
    type: 'forget',
    packs: [{ pack: packNamed(), made_ms, jobs: archived }],
    workers: [],
    alerts: [],
  };
}

/** Sightings of jobs that the archive does not have. */
export function observation(source: string, sightings: readonly Sighting[]): CommandBody & { type: 'observe_jobs' } {
  const archived = sightings.map(({ job_id }) => [job_id, null] as const);
  return { type: 'observe_jobs', source, sightings, archived, read_seq: Number.MAX_SAFE_INTEGER };
}

export class Monitor {
  readonly policy: Policy;
  state = new State();
  at_ms = START_MS;
  #commands = 0;

  constructor(policy: Partial<Policy> = {}) {
    this.policy = { ...POLICY, ...policy };
  }

  /** Advances log time. */
  later(by_ms: number): this {
    this.at_ms += by_ms;
    return this;
  }

  /** Decides a command and applies its events as the next segment. */
  run(body: CommandBody, as: { id?: string; fingerprint?: string } = {}): Result {
    this.#commands += 1;
    const command: Command = { id: `c${this.#commands}`, fingerprint: '', actor: 'test', body, ...as };
    if (body.type === 'tick' || body.type === 'forget') command.id = `${UNREMEMBERED}${command.id}`;
    const next = this.state.clone();
    beginSegment(next, this.state.seq + 1, this.at_ms);
    const decision = decide(next, command, { at_ms: next.at_ms, policy: this.policy });
    const events = decision.events ?? [];
    if (events.length > 0) {
      applyEvents(next, named(command, events));
      this.state = next;
    }
    const refs = decision.refs ?? (isRemembered(command.id) ? next.tables.commands.get(command.id)?.refs : undefined);
    return { events, refs, refusal: decision.refusal };
  }

  /** Applies an event as the next segment, as it may stand in a journal. */
  apply(event: Event): void {
    const next = this.state.clone();
    beginSegment(next, this.state.seq + 1, this.at_ms);
    applyEvents(next, [{ id: UNREMEMBERED, at: '', actor: 'test', ...event }]);
    this.state = next;
  }

  /** Submits a job and returns its id. */
  submit(job_id: string, submission: Partial<JobSubmission> = {}): string {
    this.run({ type: 'submit_jobs', jobs: [{ job_id, audio_url: `s3://audio/${job_id}.mp3`, ...submission }] });
    return job_id;
  }

  register(worker_id: string, spot_price?: number): string {
    const location = spot_price === undefined ? {} : { spot_price };
    this.run({ type: 'register_worker', worker_id, registration: { capabilities: {}, location } });
    return worker_id;
  }

  claim(worker_id: string, max_jobs = 1): Lease[] {
    const { events } = this.run({ type: 'claim_jobs', worker_id, max_jobs, secret: `s${this.#commands}` });
    return events.flatMap((event) =>
      event.type === 'JobAssigned'
        ? [{ job_id: event.entity, token: event.data.token!, expires_ms: event.data.expires_ms! }]
        : [],
    );
  }

  /** Submits one job and hands it to a worker. */
  claimed(job_id = 'job-1', submission: Partial<JobSubmission> = {}, worker_id = 'worker-1'): Lease {
    if (!this.state.worker(worker_id)) this.register(worker_id);
    this.submit(job_id, submission);
    return this.claim(worker_id)[0]!;
  }

  complete({ job_id, token }: Lease, segments_count = 3): Result {
    const output = { s3_path: `s3://transcripts/${job_id}.json`, segments_count, confidence_score: null };
    return this.run({ type: 'complete_job', job_id, lease_token: token, output });
  }

  fail(
    { job_id, token }: Lease,
    error: Partial<AttemptError> = {},
    jitter = 1,
    batch_size: number | null = null,
  ): Result {
    return this.run({
      type: 'fail_job',
      job_id,
      lease_token: token,
      error: { code: 'crashed', message: 'it crashed', retryable: true, ...error },
      batch_size,
      jitter,
    });
  }

  progress({ job_id, token }: Lease, percentage: number, more: object = {}): Result {
    return this.run({ type: 'report_progress', job_id, report: { lease_token: token, percentage, ...more } });
  }

  beat(worker_id: string, leases: Lease[] = [], health: object = {}): Result {
    return this.run({ type: 'beat', worker_id, health, leases: leases.map(({ token }) => token) });
  }

  tick(expire = true): Result {
    return this.run({ type: 'tick', ids: ['a', 'b', 'c'].map((n) => `alert-${this.#commands}${n}`), expire });
  }

  job(job_id = 'job-1'): JobRecord {
    const job = this.state.job(job_id);
    if (!job) throw new Error(`there is no ${job_id}`);
    return job;
  }

  worker(worker_id = 'worker-1'): WorkerRecord {
    const worker = this.state.worker(worker_id);
    if (!worker) throw new Error(`there is no ${worker_id}`);
    return worker;
  }
}

function named({ id, fingerprint, actor }: Command, events: readonly Event[]): JournalEvent[] {
  return events.map((event, index) => {
    // As read from the journal: without what JSON cannot represent.
    const line = JSON.stringify({ id: eventId(id, fingerprint, index), at: '', actor, ...event });
    return JSON.parse(line) as JournalEvent;
  });
}

/** Types of the events, in order. */
export const typesOf = ({ events }: Result): string[] => events.map(({ type }) => type);
