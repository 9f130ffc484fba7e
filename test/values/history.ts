/**
 * A history of commands whose bodies are any values that the schemas accept, at odd times; then every document of every
 * subject, of the live state and of one that was restored from a snapshot on the way.
 */
import assert from 'node:assert/strict';
import { Alert, Silence, SilenceCreation } from '../../protocol/alert.ts';
import { KeyCreation } from '../../protocol/api-keys.ts';
import {
  CompletionReport,
  FailureReport,
  Job,
  JobProgressDocument,
  JobSubmission,
  JobTimeline,
  ProgressReport,
} from '../../protocol/job.ts';
import { LogEvent, readReport } from '../../protocol/log-event.ts';
import { JobFilter, Queue } from '../../protocol/queue.ts';
import { readSighting, type Sighting } from '../../protocol/sighting.ts';
import { JobSighting } from '../../protocol/sighting-schema.ts';
import { CurrentMetrics, MetricsPeriod, SystemHealth } from '../../protocol/system.ts';
import { TenantSettings } from '../../protocol/tenant.ts';
import { DAY_MS, HOUR_MS, parseTime } from '../../protocol/time.ts';
import {
  Heartbeat,
  Location,
  Worker,
  WorkerDrain,
  WorkerJob,
  WorkerLaunch,
  WorkerRegistration,
} from '../../protocol/worker.ts';
import { alertDocument, silenceDocument } from '../../server/documents/alerts.ts';
import {
  assignmentDocument,
  jobDocument,
  progressDocument,
  timelineDocument,
  workerJobDocument,
} from '../../server/documents/job.ts';
import { deadLetterQueueDocument, mainQueueDocument } from '../../server/documents/queues.ts';
import { healthDocument, metricsDocument, periodDocument } from '../../server/documents/system.ts';
import { heartbeatDocument, workerDocument } from '../../server/documents/worker.ts';
import type { CommandBody, CommandType } from '../../server/state-machine/decide/commands.ts';
import { limitsIn, NO_LIMITS } from '../../server/state-machine/state/limits.ts';
import type { PassKind } from '../../server/state-machine/state/passes.ts';
import type { ArchivedJob, JobRecord } from '../../server/state-machine/state/records.ts';
import { restore, snapshotRows } from '../../server/state-machine/state/snapshot.ts';
import type { State } from '../../server/state-machine/state/state.ts';
import { forgetJobs, Monitor, packNamed } from '../../server/state-machine/testing.ts';
import { assertValid } from '../../server/state-machine/testing-schemas.ts';
import { subjectsOf, viewOf } from '../../server/views/layout.ts';
import { Chance } from '../simulation/chance.ts';
import { NOW_MS, Values } from './values.ts';

const WEIGHTS = {
  submit_jobs: 4,
  claim_jobs: 8,
  report_progress: 10,
  complete_job: 4,
  fail_job: 4,
  cancel_job: 2,
  retry_job: 2,
  purge_queue: 0.5,
  redrive: 2,
  record_events: 4,
  observe_jobs: 6,
  register_worker: 5,
  launch_worker: 1,
  place_worker: 0.5,
  beat: 4,
  drain_worker: 0.5,
  restart_worker: 0.5,
  terminate_worker: 0.5,
  resolve_alert: 0.5,
  tick: 3,
  forget: 0.5,
  pack_archived: 0.1,
  index_archive: 0.1,
  write_columns: 0.1,
  end_repacking: 0.1,
  record_messages: 1,
  acknowledge_alert: 0.5,
  create_silence: 0.5,
  end_silence: 0.2,
  claim_notices: 2,
  release_notices: 0.2,
  deliver_notice: 1,
  fail_notice: 2,
  replay_notice: 0.5,
  request_notices: 0.5,
  create_key: 0.3,
  rotate_key: 0.2,
  revoke_key: 0.2,
  issue_pass: 0.3,
  use_pass: 0.2,
  end_pass: 0.2,
  set_tenant: 0.5,
  reset_tenant: 0.2,
  pause_tenant: 0.3,
  resume_tenant: 0.3,
  count_upload: 0.3,
  judge_orphaned: 0.2,
  settle_action: 0.5,
  resume_policies: 0.2,
  erase_jobs: 1,
  advance_erasures: 0.5,
  drop_packs: 0.5,
} as const satisfies Record<CommandType, number>;

const basisOf = ({ scalars, at_ms }: State) => ({ basis_seq: scalars.archive_seq, made_ms: at_ms });

const IDS = ['a', 'b', 'c', 'Z9_-'.repeat(16)];
const LATER_MS = [0, 1, 50, 1_000, 20_000];
const MUCH_LATER_MS = [61_000, HOUR_MS, DAY_MS];
/** In one history of 16, because each such step makes a document of every hour in it. */
const YEAR_LATER_MS = 400 * DAY_MS;

/** Commands of the history with this seed. Throws AssertionError if a document is wrong. */
export function runHistory(seed: number, commands = 40): number {
  const chance = new Chance(seed);
  const asking = new Asking(chance);
  const live = new Monitor();
  const again = new Monitor();
  live.at_ms = NOW_MS;
  const restored_at = chance.whole(1, commands);
  const much_later_ms = seed % 16 === 0 ? [...MUCH_LATER_MS, YEAR_LATER_MS] : MUCH_LATER_MS;
  for (let n = 0; n < commands; n++) {
    live.later(chance.pick(chance.happens(0.9) ? LATER_MS : much_later_ms));
    again.at_ms = live.at_ms;
    const body = asking.next(live.state);
    const as = { id: `c${n}` };
    live.run(body, as);
    if (n === restored_at) again.state = restore(snapshotRows(live.state));
    else if (n > restored_at) again.run(body, as);
  }
  const documents = checkedDocuments(live.state);
  const restored = restore(snapshotRows(live.state));
  for (const [state, how] of [
    [restored, 'restored'],
    [again.state, 'restored on the way'],
  ] as const) {
    if (state === again.state && restored_at >= commands) continue;
    assert.deepEqual(
      [...snapshotRows(state)],
      [...snapshotRows(live.state)],
      `its rows differ from those of one ${how}`,
    );
    assert.deepEqual(state.fleet, live.state.fleet, how);
    assert.deepEqual(documentsOf(state).map(written), documents, `its documents differ from those of one ${how}`);
  }
  return commands;
}

class Asking {
  readonly #chance: Chance;
  readonly #values: Values;
  readonly #forgotten = new Map<string, JobRecord>();
  #count = 0;

  constructor(chance: Chance) {
    this.#chance = chance;
    this.#values = new Values(chance, IDS);
  }

  next(state: State): CommandBody {
    this.#count += 1;
    return this.#body(this.#chance.weighted(WEIGHTS), state);
  }

  #body(type: CommandType, state: State): CommandBody {
    const chance = this.#chance;
    const values = this.#values;
    const id = () => chance.pick(IDS);
    const worker_id = id();
    // Usually the token of a held job: a lease that has ended is refused, and exercises little.
    const held = [...state.tables.jobs_by_state.PROCESSING.values()].filter((one) => state.job(one)?.run?.token);
    const job_id = held.length > 0 && chance.happens(0.8) ? chance.pick(held) : this.#anyJob(state);
    const lease_token = state.job(job_id)?.run?.token ?? 'none';
    switch (type) {
      case 'submit_jobs': {
        const { tenant: _, ...submission } = values.of<JobSubmission>(JobSubmission);
        const of = chance.pick([{}, {}, { tenant: 'acme' }, { tenant: this.#anyTenant(state) }]);
        const by = chance.happens(0.3) ? { submitted_by: `key:${this.#anyKey(state)}` } : {};
        return { type, jobs: [{ ...submission, ...of, job_id: `job-${this.#count}` }], ...by };
      }
      case 'claim_jobs':
        return { type, worker_id, max_jobs: chance.pick([1, 1000]), secret: `s${this.#count}` };
      case 'record_messages': {
        const { attempt, place, message } = state.job(job_id) ?? { attempt: 1, place: 1, message: null };
        const replaces = chance.pick([null, message?.message_id ?? null]);
        return { type, messages: [{ job_id, attempt, place, message_id: `m${this.#count}`, replaces }] };
      }
      case 'report_progress':
        return { type, job_id, report: { ...values.of<ProgressReport>(ProgressReport), lease_token } };
      case 'complete_job':
        return { type, job_id, lease_token, output: values.of<CompletionReport>(CompletionReport).output };
      case 'fail_job': {
        const { error, retry_with } = values.of<FailureReport>(FailureReport);
        const batch_size = retry_with?.batch_size ?? null;
        return { type, job_id, lease_token, error, batch_size, jitter: chance.pick([0, 0.5, 1]) };
      }
      case 'cancel_job':
      case 'retry_job':
        return { type, job_id: this.#anyJob(state) };
      case 'purge_queue':
        return { type, queue: chance.pick(['main', 'dlq']), filter: values.of(JobFilter) };
      case 'redrive':
        return { type, filter: chance.happens(0.5) ? {} : values.of(JobFilter) };
      case 'record_events': {
        const events = [1, 2].map(() => ({ ...values.of<LogEvent>(LogEvent), job_id, lease_token }));
        return { type, jitter: 0.5, events };
      }
      case 'observe_jobs': {
        const sightings = Array.from({ length: chance.whole(1, 3) }, () => this.#sighting(state.at_ms));
        const archived = IDS.map((job_id) => [job_id, this.#archived(job_id, state)] as const);
        return { type, source: chance.pick(['reports', 's'.repeat(512)]), sightings, archived, read_seq: state.seq };
      }
      case 'register_worker':
        return { type, worker_id, registration: values.of(WorkerRegistration) };
      case 'launch_worker':
        return { type, worker_id, launch: values.of(WorkerLaunch) };
      case 'place_worker':
        return { type, worker_id, instance_id: 'i-0123456789abcdef0', location: values.of(Location) };
      case 'beat': {
        const { health = {} } = values.of<Heartbeat>(Heartbeat);
        return { type, worker_id, health, leases: [lease_token] };
      }
      case 'drain_worker':
        return { type, worker_id, drain: values.of(WorkerDrain) };
      case 'restart_worker':
        return { type, worker_id };
      case 'terminate_worker':
        return { type, worker_id, reason: 'requested' };
      case 'resolve_alert':
      case 'acknowledge_alert':
        return { type, alert_id: state.tables.alerts.maxKey() ?? 'none', by: 'api' };
      case 'create_silence': {
        const {
          matchers,
          comment,
          created_by: by,
          starts_at,
          ends_at,
          until_resolved = false,
        } = values.of(SilenceCreation);
        const starts_ms = starts_at === undefined ? null : parseTime(starts_at);
        const ends_ms = ends_at === undefined ? null : parseTime(ends_at);
        const silence_id = `silence-${this.#count}`;
        return { type, silence_id, matchers, comment, by, starts_ms, ends_ms, until_resolved };
      }
      case 'end_silence':
        return { type, silence_id: state.tables.silences.maxKey() ?? 'none', by: 'api' };
      case 'tick':
        return {
          type,
          ids: [1, 2, 3].map((n) => `alert-${this.#count}-${n}`),
          expire: true,
          acting: { by: 'instance', fleet: { replaces: false }, worker_ids: [`worker-${this.#count}`] },
        };
      case 'judge_orphaned': {
        const { instance_id, heartbeat_ms, created_ms = 0 } = state.worker(worker_id) ?? {};
        const since_ms = heartbeat_ms ?? created_ms;
        return { type, worker_id, instance_id: instance_id ?? 'i-1', since_ms, reason: 'gone', by: 'instance' };
      }
      case 'settle_action': {
        const ordinal = state.tables.pending_actions.minKey() ?? 1;
        return { type, ordinal, done: chance.happens(0.5), details: chance.pick([null, 'x']) };
      }
      case 'resume_policies':
        return { type, by: 'api' };
      case 'forget': {
        const jobs = [...state.tables.finished.values()].map((one) => state.job(one)!);
        for (const job of jobs) this.#forgotten.set(job.job_id, job);
        return forgetJobs(jobs, state.at_ms);
      }
      case 'pack_archived': {
        const replaces = [...state.tables.unindexed.keys()];
        const job_ids = [...state.tables.packed_recently.keys()];
        return { type, ...basisOf(state), pack: packNamed(), job_ids, replaces };
      }
      case 'index_archive': {
        const shard = { first: '', key: 'archive/index/shard.json', sha256: '', count: 1 };
        return { type, ...basisOf(state), packs: [...state.tables.unindexed.keys()], shards: [shard] };
      }
      case 'write_columns': {
        const { packs, column_strays } = state.tables;
        const name = `file-${this.#count}`;
        return {
          type,
          ...basisOf(state),
          packs: [...packs.values()].filter(({ in_columns }) => !in_columns).map(({ key }) => key),
          files: [{ name, day: 1, rows: 1, sha256: { job_states: name, job_attempts: name } }],
          replaces: [],
          strays: [...column_strays.keys()],
        };
      }
      case 'erase_jobs': {
        const erased = this.#anyJob(state);
        const jobs = [{ job_id: erased, archived: this.#archived(erased, state) }];
        return { type, jobs, read_seq: state.seq, by: 'api', reason: chance.pick(['request', 'retention']) };
      }
      case 'advance_erasures': {
        const stage = chance.pick(['cleaned', 'swept', 'ended'] as const);
        return { type, job_ids: [...state.tables.erasures.keys()], stage };
      }
      case 'drop_packs':
        return { type, packs: [...state.tables.packs.keys()] };
      case 'end_repacking':
        return { type, loose_jobs: state.scalars.loose_jobs };
      case 'claim_notices':
        return { type, notice_ids: [...state.tables.notices.keys()], by: chance.pick(['sender-1', 'sender-2']) };
      case 'release_notices':
        return { type, by: 'sender-1' };
      case 'deliver_notice':
      case 'replay_notice':
        return { type, notice_id: chance.pick(['none', ...state.tables.notices.keys()]) };
      case 'fail_notice': {
        const notice = chance.pick([undefined, ...state.tables.notices.values()]);
        const [permanent, unreachable] = [chance.happens(0.2), chance.happens(0.5)];
        const reported = { error: 'HTTP 500', permanent, unreachable, retry_after_ms: chance.pick([null, 7_000]) };
        const by = notice?.claimed_by ?? 'sender-1';
        return { type, notice_id: notice?.id ?? 'none', by, ...reported, jitter: chance.pick([0, 0.5, 1]) };
      }
      case 'request_notices': {
        const url = chance.pick([null, 'https://example.com/hook']);
        return { type, notices: [{ notice_id: `notice-${this.#count}`, destination: 'ops', url }] };
      }
      case 'create_key': {
        const {
          role,
          name = '',
          tags = null,
          worker_id = null,
          expires_at,
          ...more
        } = values.of<KeyCreation>(KeyCreation);
        const tenant = chance.happens(0.5) ? this.#anyTenant(state) : null;
        const expires_ms = expires_at === undefined ? null : parseTime(expires_at);
        const limits = { tags, worker_id, tenant, ...limitsIn(more), expires_ms };
        const key = { key_id: `key${this.#count}`, role, name, ...limits, secret_hash: 'h', by: 'api' };
        return { type, ...key, outside_admin: chance.happens(0.5) };
      }
      case 'set_tenant': {
        const { weight = 1, ...limits } = values.of<TenantSettings>(TenantSettings);
        return { type, tenant: this.#anyTenant(state), weight, limits: { ...NO_LIMITS, ...limits }, by: 'api' };
      }
      case 'reset_tenant':
      case 'pause_tenant':
      case 'resume_tenant':
        return { type, tenant: this.#anyTenant(state), by: 'api' };
      case 'count_upload':
        return { type, upload_id: `upload-${this.#count}`, upload_bytes: 7, tenant: this.#anyTenant(state) };
      case 'issue_pass':
        return { type, ...this.#pass(state, chance.pick(['session', 'ticket', 'job'])) };
      case 'use_pass':
        return { type, pass_id: state.tables.passes.minKey() ?? 'none', every_ms: chance.pick([0, 300_000]) };
      case 'end_pass':
        return { type, pass_id: state.tables.passes.minKey() ?? 'none', once: chance.happens(0.5) };
      case 'rotate_key':
        return { type, key_id: this.#anyKey(state), secret_hash: 'i', overlap_ms: chance.pick([0, 1000]), by: 'api' };
      case 'revoke_key':
        return { type, key_id: this.#anyKey(state), by: 'api', outside_admin: chance.happens(0.5) };
    }
  }

  #anyTenant({ tables }: State): string {
    return this.#chance.pick(['default', 'acme', 'zebra', ...tables.tenants.keys()]);
  }

  #archived(job_id: string, { tables }: State): ArchivedJob | null {
    const job = this.#forgotten.get(job_id);
    return job ? { job, pack: tables.packed_recently.get(job_id) ?? null } : null;
  }

  #pass(state: State, kind: PassKind) {
    const pass = { pass_id: `pass${this.#count}`, kind, key_id: this.#anyKey(state), key_hash: 'h', secret_hash: 's' };
    return {
      ...pass,
      job_id: kind === 'job' || kind === 'transcript' ? 'job-1' : null,
      expires_ms: state.at_ms + 60_000,
    };
  }

  #anyKey({ tables: { keys } }: State): string {
    return keys.size > 0 ? this.#chance.pick([...keys.keys()]) : 'none';
  }

  #anyJob(state: State): string {
    return this.#chance.pick([...IDS, ...state.tables.jobs.keys()]);
  }

  /** From a source, or from a line of POST /events. */
  #sighting(now_ms: number): Sighting {
    if (this.#chance.happens(0.5)) return readSighting(this.#values.of<JobSighting>(JobSighting));
    return readReport(this.#values.of<LogEvent>(LogEvent), now_ms);
  }
}

type Named = { name: string; schema: Parameters<typeof assertValid>[0] | null; document: unknown };

const written = ({ name, document }: Named): string => `${name} ${JSON.stringify(document)}`;

/** All documents, as written; each fits its schema, and contains nothing that JSON can't represent. */
function checkedDocuments(state: State): string[] {
  const documents = documentsOf(state);
  for (const { name, schema, document } of documents) {
    assertSayable(document, name);
    if (schema !== null) assertValid(schema, document);
  }
  return documents.map(written);
}

function assertSayable(value: unknown, where: string): void {
  if (typeof value === 'number') assert.ok(Number.isFinite(value), `${where} is ${value}`);
  else if (typeof value === 'object' && value !== null) {
    for (const [name, inner] of Object.entries(value)) assertSayable(inner, `${where}/${name}`);
  } else assert.notEqual(value, undefined, where);
}

function documentsOf(state: State): Named[] {
  const documents: Named[] = [];
  const add = (name: string, schema: Named['schema'], document: unknown) => documents.push({ name, schema, document });
  for (const [id, job] of state.tables.jobs.entries()) {
    add(`job ${id}`, Job, jobDocument(job));
    add(`progress ${id}`, JobProgressDocument, progressDocument(job));
    add(`timeline ${id}`, JobTimeline, timelineDocument(job));
    add(`assignment ${id}`, null, assignmentDocument(job));
    for (const { worker_id = 'unknown' } of job.history) {
      add(`job ${id} of ${worker_id}`, WorkerJob, workerJobDocument(job, worker_id));
    }
  }
  for (const [id, worker] of state.tables.workers.entries()) {
    add(`worker ${id}`, Worker, workerDocument(state, worker));
    add(`heartbeat ${id}`, null, heartbeatDocument(worker));
  }
  for (const [id, alert] of state.tables.alerts.entries()) add(`alert ${id}`, Alert, alertDocument(alert));
  for (const [id, one] of state.tables.silences.entries()) add(`silence ${id}`, Silence, silenceDocument(one));
  add('main queue', Queue, mainQueueDocument(state));
  add('dead-letter queue', Queue, deadLetterQueueDocument(state));
  add('health', SystemHealth, healthDocument(state));
  add('metrics', CurrentMetrics, metricsDocument(state));
  for (const [table, length_ms] of [
    [state.tables.hours, HOUR_MS],
    [state.tables.days, DAY_MS],
  ] as const) {
    for (const period of table.keys()) {
      add(`period ${period}`, MetricsPeriod, periodDocument(table, period, length_ms));
    }
  }
  for (const subject of subjectsOf(state)) {
    for (const { key, document } of viewOf(state, subject)?.present ?? []) {
      assert.match(key, /^[\w/=.-]+$/);
      add(key, null, document());
    }
  }
  return documents;
}
