/** The requests of clients and workers: commands made from the results they got so far, including stale leases. */
import { SIGHTED_STATES } from '../../protocol/sighted-state.ts';
import type { Sighting } from '../../protocol/sighting.ts';
import { UNREMEMBERED } from '../../server/state-machine/apply/apply.ts';
import type { LeasedLine } from '../../server/state-machine/decide/commands.ts';
import { type Command, type CommandBody, type Outcome, soft } from '../../server/state-machine/decide/commands.ts';
import type { ArchivedJob } from '../../server/state-machine/state/records.ts';
import type { State } from '../../server/state-machine/state/state.ts';
import type { Chance } from './chance.ts';

type Held = { job_id: string; token: string; worker_id: string };

const DAY_MS = 86_400_000;
/** When every history begins. */
const STARTED_MS = Date.UTC(2026, 0, 5, 8);

const RATES = {
  submit_jobs: 14,
  claim_jobs: 16,
  report_progress: 8,
  complete_job: 9,
  fail_job: 7,
  beat: 9,
  cancel_job: 4,
  retry_job: 2,
  purge_queue: 1,
  redrive: 1,
  record_events: 3,
  observe_jobs: 5,
  register_worker: 5,
  launch_worker: 0.5,
  place_worker: 0.5,
  drain_worker: 0.6,
  restart_worker: 0.6,
  terminate_worker: 0.6,
  resolve_alert: 0.6,
  tick: 12,
  forget: 2,
  pack_archived: 0.5,
  index_archive: 0.5,
  write_columns: 0.5,
  end_repacking: 0.2,
  // In place of some of resolve_alert.
  acknowledge_alert: 0,
  create_silence: 0,
  end_silence: 0,
  // Each is decided from the records of keys alone, which nothing else changes.
  create_key: 0,
  rotate_key: 0,
  revoke_key: 0,
  issue_pass: 0,
  use_pass: 0,
  end_pass: 0,
  // Of policies.
  judge_orphaned: 0.3,
  settle_action: 0.5,
  resume_policies: 0.3,
  // Of an external queue: test/simulation/queue/ has its own histories.
  record_messages: 0,
  // Of notices: so has test/simulation/notices/.
  claim_notices: 0,
  release_notices: 0,
  deliver_notice: 0,
  fail_notice: 0,
  replay_notice: 0,
  request_notices: 0,
  erase_jobs: 0,
  advance_erasures: 0,
  drop_packs: 0,
  // See test/simulation/tenants.
  set_tenant: 0,
  reset_tenant: 0,
  pause_tenant: 0,
  resume_tenant: 0,
  count_upload: 0,
} as const satisfies Record<CommandBody['type'], number>;

/** Submitted by the monitor itself: their ids are not remembered. */
const OWN: ReadonlySet<CommandBody['type']> = new Set([
  'tick',
  'forget',
  'pack_archived',
  'index_archive',
  'write_columns',
  'end_repacking',
  'record_messages',
]);

export class Load {
  readonly #chance: Chance;
  readonly #archive: ReadonlyMap<string, ArchivedJob>;
  readonly #workers: readonly string[];
  readonly #jobs: string[] = [];
  /** Jobs whose submission was acknowledged: before that their ids are unknown, because the monitor generates them. */
  readonly #submitted = new Set<string>();
  /** Every lease ever returned, newest last: most are stale. */
  readonly #held: Held[] = [];
  /** The commands, and how often each is sent. */
  readonly #rates: Readonly<Record<CommandBody['type'], number>>;
  /** A worker all of whose attempts fail by its own fault. */
  readonly #broken: string | null;
  #count = 0;

  /** `archived`: an archive decides what memory may forget. `archive`: its contents at the end of the log. */
  constructor(chance: Chance, { archived, archive }: { archived: boolean; archive: ReadonlyMap<string, ArchivedJob> }) {
    this.#chance = chance;
    this.#archive = archive;
    this.#rates = archived
      ? { ...RATES, forget: 0, pack_archived: 0, index_archive: 0, write_columns: 0, end_repacking: 0 }
      : RATES;
    this.#workers = Array.from({ length: chance.whole(1, 5) }, (_, i) => `worker-${i + 1}`);
    this.#broken = chance.happens(0.5) ? 'worker-1' : null;
  }

  /** A request; `seen` is what a caller may have read before. */
  next(seen: State): Command {
    return this.command(this.#chance.weighted(this.#rates), seen);
  }

  command(type: CommandBody['type'], seen: State): Command {
    this.#count += 1;
    const body = this.#body(type, seen);
    const own = soft(body) || OWN.has(body.type);
    return {
      id: `${own ? UNREMEMBERED : ''}c${this.#count}`,
      fingerprint: own ? '' : `f${this.#count}`,
      actor: 'simulation',
      body,
    };
  }

  /** A client's mistake: a different request under a name that was used before. */
  mistaken(command: Command, seen: State): Command {
    const other = this.command(this.#chance.pick(['submit_jobs', 'claim_jobs', 'cancel_job', 'register_worker']), seen);
    return { ...other, id: command.id };
  }

  /** A command was acknowledged: its jobs can now be named, and the worker of a claim reports under its leases. */
  acknowledged(command: Command, { refs }: Outcome): void {
    for (const [type, job_id] of refs) if (type === 'JobSubmitted') this.#submitted.add(job_id);
    if (command.body.type !== 'claim_jobs') return;
    for (const [, job_id, token] of refs) {
      if (token !== undefined) this.#held.push({ job_id, token, worker_id: command.body.worker_id });
    }
  }

  #aboutAlerts(seen: State): CommandBody {
    const alert_id = seen.tables.alerts.maxKey() ?? 'alert-0';
    const silence_id = `silence-${this.#count}`;
    const silence = { matchers: [{ name: 'severity', op: '=', value: '*' }], comment: '', by: 'someone' } as const;
    switch (this.#count % 5) {
      case 0:
        return { type: 'acknowledge_alert', alert_id, by: 'someone' };
      case 1: {
        // Whenever it is decided, it is not over yet.
        const ends_ms = Math.max(seen.at_ms, STARTED_MS) + 100 * DAY_MS;
        return { type: 'create_silence', silence_id, ...silence, starts_ms: null, ends_ms, until_resolved: false };
      }
      case 2:
        return { type: 'create_silence', silence_id, ...silence, starts_ms: null, ends_ms: null, until_resolved: true };
      case 3:
        return { type: 'end_silence', silence_id: seen.tables.silences.minKey() ?? 'silence-0', by: 'someone' };
      default:
        return { type: 'resolve_alert', alert_id, by: 'someone' };
    }
  }

  #body(type: CommandBody['type'], seen: State): CommandBody {
    const chance = this.#chance;
    const worker_id = chance.pick(this.#workers);
    const job_id = this.#jobs.length > 0 ? chance.pick(this.#jobs) : 'job-0';
    const { job_id: held_job, token: lease_token, worker_id: holder } = this.#lease();
    switch (type) {
      case 'submit_jobs': {
        const jobs = Array.from({ length: chance.happens(0.8) ? 1 : chance.whole(2, 6) }, () => this.#submission());
        return { type, jobs };
      }
      case 'claim_jobs':
        return { type, worker_id, max_jobs: chance.whole(1, 3), secret: `s${this.#count}` };
      case 'record_messages':
        return { type, messages: [] };
      case 'report_progress':
        return {
          type,
          job_id: held_job,
          report: {
            lease_token,
            // Sums of chunks are rarely whole numbers.
            percentage: Math.min(100, chance.whole(0, 100) + chance.pick([0, 0, 1e-14, 0.1 + 0.2])),
            stage: chance.pick(['downloading', 'transcribing']),
            eta_seconds: chance.pick([undefined, undefined, 0, 1e9]),
          },
        };
      case 'complete_job':
        return {
          type,
          job_id: held_job,
          lease_token,
          output: { s3_path: `s3://transcripts/${held_job}.json`, segments_count: chance.whole(0, 9) },
        };
      case 'fail_job': {
        const any = chance.pick(['crashed', 'gpu_out_of_memory', 'audio_unreadable', 'worker_drained']);
        const code = holder === this.#broken ? 'gpu_unavailable' : any;
        const error = { code, message: 'as it happens', retryable: code !== 'audio_unreadable' };
        return { type, job_id: held_job, lease_token, error, batch_size: null, jitter: chance.float() };
      }
      case 'beat': {
        const leases = this.#held.filter((held) => held.worker_id === holder).slice(-4);
        return {
          type,
          worker_id: holder === '' ? worker_id : holder,
          health: { gpu_usage: chance.whole(0, 100), memory_usage: chance.whole(50, 100) },
          leases: leases.map(({ token }) => token),
        };
      }
      case 'cancel_job':
      case 'retry_job':
        return { type, job_id };
      case 'purge_queue':
        return { type, queue: chance.pick(['main', 'dlq']), filter: { priority: chance.pick(['low', 'normal']) } };
      case 'redrive':
        return { type, filter: {} };
      case 'record_events': {
        const lines = chance.whole(1, 3);
        const events = Array.from({ length: lines }, () => this.#line());
        return { type, events, jitter: chance.float() };
      }
      case 'observe_jobs': {
        const sightings = Array.from({ length: chance.whole(1, 4) }, () => this.#sighting(job_id, seen.at_ms));
        const looked_for = sightings.filter(() => chance.happens(0.9));
        const archived = looked_for.map(({ job_id }) => [job_id, this.#archive.get(job_id) ?? null] as const);
        return { type, source: chance.pick(['log:/a', 'dir:/b']), sightings, archived, read_seq: seen.seq };
      }
      case 'register_worker':
        return {
          type,
          worker_id,
          registration: {
            capabilities: { model: chance.pick(['base', 'large-v3']) },
            location: { spot_price: chance.pick([0.35, 0.9, null]) },
          },
        };
      case 'launch_worker':
        return { type, worker_id: `launched-${this.#count}`, launch: { location: { spot_price: 0.5 } } };
      case 'place_worker': {
        const launched = [...seen.tables.workers.keys()].filter((id) => id.startsWith('launched-'));
        return {
          type,
          worker_id: chance.pick([worker_id, ...launched]),
          instance_id: `i-${this.#count}`,
          location: { spot_price: 0.25 },
        };
      }
      case 'drain_worker':
      case 'restart_worker':
        return { type, worker_id };
      case 'terminate_worker':
        return { type, worker_id, reason: 'requested' };
      case 'resolve_alert':
      case 'acknowledge_alert':
      case 'create_silence':
      case 'end_silence':
        return this.#aboutAlerts(seen);
      case 'tick':
        return {
          type,
          ids: [1, 2, 3].map((n) => `alert-${this.#count}-${n}`),
          expire: chance.happens(0.85),
          acting: {
            by: 'instance',
            fleet: { replaces: chance.happens(0.3) },
            worker_ids: [`launched-${this.#count}`, `launched-${this.#count}b`],
          },
        };
      case 'judge_orphaned': {
        const { instance_id = null, heartbeat_ms = null, created_ms = 0 } = seen.worker(worker_id) ?? {};
        const since_ms = heartbeat_ms ?? created_ms;
        return { type, worker_id, instance_id: instance_id ?? 'i-0', since_ms, reason: 'it is gone', by: 'instance' };
      }
      case 'settle_action':
        return { type, ordinal: seen.tables.pending_actions.minKey() ?? 0, done: chance.happens(0.5), details: null };
      case 'resume_policies':
        return { type, by: 'someone' };
      case 'forget': {
        const version = (record: { version: number } | undefined) =>
          (record?.version ?? 0) - (chance.happens(0.1) ? 1 : 0);
        const ended = [...seen.tables.finished.values()].slice(0, 2);
        const jobs = ended.map((id) => ({ id, version: version(seen.job(id)) }));
        const made_ms = seen.at_ms - (chance.happens(0.05) ? 7_200_000 : 0);
        const workers = chance.happens(0.3) ? [{ id: worker_id, version: version(seen.worker(worker_id)) }] : [];
        const alert = seen.tables.alerts.minKey();
        const alerts = alert ? [{ id: alert, version: version(seen.tables.alerts.get(alert)) }] : [];
        const packs = [{ pack: this.#pack(), made_ms, jobs }];
        return { type, packs, workers, alerts };
      }
      case 'pack_archived': {
        const replaces = [...seen.tables.unindexed.keys()].slice(0, 3);
        const job_ids = replaces.flatMap((key) => {
          const stale = new Set(seen.tables.packs.get(key)!.stale);
          return seen.tables.unindexed.get(key)!.filter((id) => !stale.has(id));
        });
        return { type, ...this.#basis(seen), pack: this.#pack(), job_ids, replaces };
      }
      case 'index_archive': {
        const packs = [...seen.tables.unindexed.keys()].slice(0, 2);
        const key = `archive/index/shard-${this.#count}.json`;
        const shards = [{ first: chance.pick(['', 'job-2']), key, sha256: key, count: packs.length }];
        return { type, ...this.#basis(seen), packs, shards };
      }
      case 'write_columns': {
        const { packs, column_files, column_strays } = seen.tables;
        const fresh = [...packs.values()].filter(({ in_columns }) => !in_columns || chance.happens(0.02));
        const name = `file-${this.#count}`;
        return {
          type,
          ...this.#basis(seen),
          packs: fresh.slice(0, 2).map(({ key }) => key),
          files: [{ name, day: 1, rows: 1, sha256: { job_states: name, job_attempts: name } }],
          replaces: [...column_files.keys()].slice(0, chance.whole(0, 2)),
          strays: [...column_strays.keys()],
        };
      }
      case 'end_repacking':
        return { type, loose_jobs: seen.scalars.loose_jobs };
      case 'claim_notices':
      case 'release_notices':
      case 'deliver_notice':
      case 'fail_notice':
      case 'replay_notice':
      case 'request_notices':
        return { type: 'release_notices', by: 'nobody' };
      case 'erase_jobs':
      case 'advance_erasures':
      case 'drop_packs':
        return { type: 'drop_packs', packs: [] };
      case 'create_key':
      case 'rotate_key':
      case 'revoke_key':
      case 'issue_pass':
      case 'use_pass':
      case 'end_pass':
      case 'set_tenant':
      case 'reset_tenant':
      case 'pause_tenant':
      case 'resume_tenant':
      case 'count_upload':
        return { type: 'revoke_key', key_id: 'none', by: 'nobody', outside_admin: true };
    }
  }

  #pack() {
    const key = `archive/packs/2025/07/07/pack-${this.#count}.ndjson`;
    return { key, sha256: key, first_ms: 0, last_ms: 1, first_ordinal: 0, last_ordinal: 1 };
  }

  #basis(seen: State) {
    return { basis_seq: seen.scalars.archive_seq, made_ms: seen.at_ms };
  }

  #submission() {
    const chance = this.#chance;
    const job_id = `job-${this.#count}-${this.#jobs.length}`;
    this.#jobs.push(job_id);
    return {
      job_id,
      audio_url: `s3://audio/${job_id}.mp3`,
      priority: chance.pick(['high', 'normal', 'low'] as const),
      max_attempts: chance.whole(1, 3),
      ...(chance.happens(0.5) ? { duration_seconds: chance.pick([chance.whole(1, 9000), 0, 0.001, 1e9]) } : {}),
      ...(chance.happens(0.2) ? { tags: ['night'] } : {}),
    };
  }

  #lease(): Held {
    const recent = this.#held.slice(-6);
    const from = this.#chance.happens(0.7) ? recent : this.#held;
    return from.length > 0 ? this.#chance.pick(from) : { job_id: 'job-0', token: 'job-0.1.none', worker_id: '' };
  }

  /** Usually of a job that runs elsewhere, around now or long ago; half of them repeat an earlier one. */
  #sighting(job_id: string, at_ms: number): Sighting {
    const chance = this.#chance;
    const started_ms = at_ms - chance.pick([0, 20_000, 600_000, 90_000_000]) - chance.whole(0, 9) * 1000;
    const told_ms = started_ms + chance.whole(0, 60) * 1000;
    const state = chance.pick(SIGHTED_STATES);
    return {
      job_id: chance.happens(0.1) && this.#submitted.has(job_id) ? job_id : `sighted-${chance.whole(1, 6)}`,
      state,
      told_ms,
      worker_id: chance.happens(0.8) ? chance.pick([...this.#workers, 'worker-elsewhere']) : null,
      started_ms: state === 'QUEUED' || chance.happens(0.2) ? null : started_ms,
      ended_ms: state === 'COMPLETED' || state === 'FAILED' ? told_ms : null,
      percentage: chance.happens(0.5) ? chance.whole(0, 100) : null,
      stage: null,
      audio_duration: chance.happens(0.3) ? 60 : null,
      duration: null,
      segments: state === 'COMPLETED' ? 3 : null,
      s3_path: null,
      error: state === 'FAILED' ? 'as it happens' : null,
    };
  }

  #line(): LeasedLine {
    const { job_id, token: lease_token } = this.#lease();
    const event = this.#chance.pick(['JOB_START', 'JOB_PROGRESS', 'JOB_COMPLETE', 'JOB_FAILED'] as const);
    const percentage = this.#chance.whole(0, 100);
    return { event, job_id, lease_token, percentage, s3_path: 's3://transcripts/reported.json' };
  }
}
