/**
 * The commands. A command carries the random values that it needs (ids, the secret part of a token), so that deciding
 * it is pure, and deciding it again after another instance was faster gives the same ids.
 */

import type { Matcher } from '../../../protocol/alert-labels.ts';
import type { KeyRole } from '../../../protocol/api-keys.ts';
import type { CompletionReport, FailureReport, JobSubmission, ProgressReport } from '../../../protocol/job.ts';
import type { LogEvent } from '../../../protocol/log-event.ts';
import type { JobFilter } from '../../../protocol/queue.ts';
import type { Sighting } from '../../../protocol/sighting.ts';
import type {
  HealthReport,
  Location,
  WorkerDrain,
  WorkerLaunch,
  WorkerRegistration,
} from '../../../protocol/worker.ts';
import type { Observed } from '../../alerts/signals.ts';
import type { Origin } from '../events.ts';
import type { ErasureReason, ErasureStage } from '../state/erasures.ts';
import type { Limits } from '../state/limits.ts';
import type { PassKind, PassLimits, Person } from '../state/passes.ts';
import type { ArchivedJob, ColumnFile, CommandRef, Pack, ShardRecord } from '../state/records.ts';
import type { Acting } from './actions.ts';
import type { RefusedPart } from './decision.ts';

export type Command = {
  /** Unique; derived from the Idempotency-Key if the request has one, so that a retry has the same id. Without `/`. */
  id: string;
  /** Hash of the request: the same id with another fingerprint is a client's mistake. Empty without a key. */
  fingerprint: string;
  /** The author of the command: `api`, `worker:worker-1`, `monitor`. */
  actor: string;
  /** The request; absent without an API key. */
  origin?: Origin;
  body: CommandBody;
};

/** A line of POST /events under a lease. */
export type LeasedLine = LogEvent & { lease_token: string };

/** A message in an external queue, about one turn of a job. */
export type JobMessage = { message_id: string; job_id: string; attempt: number; place: number };

/** `replaces`: the message of the same turn that its sender knew; without effect if there is another by now. */
export type SentMessage = JobMessage & { replaces: string | null };

export type CommandBody =
  /** `submitted_by`: the actor, if it has an API key. */
  | { type: 'submit_jobs'; jobs: readonly ({ job_id: string } & JobSubmission)[]; submitted_by?: string }
  /** `messages`: received from an external queue; the claim is for their jobs alone. `tenant`: that of its key. */
  | {
      type: 'claim_jobs';
      worker_id: string;
      tenant?: string;
      max_jobs: number;
      secret: string;
      messages?: readonly JobMessage[] | undefined;
    }
  | { type: 'record_messages'; messages: readonly SentMessage[] }
  | { type: 'report_progress'; job_id: string; report: ProgressReport }
  | {
      type: 'complete_job';
      job_id: string;
      lease_token: string;
      output: CompletionReport['output'];
    }
  | {
      type: 'fail_job';
      job_id: string;
      lease_token: string;
      error: FailureReport['error'];
      batch_size: number | null;
      jitter: number;
    }
  | { type: 'cancel_job'; job_id: string }
  /** `archived`: as of observe_jobs, for jobs that are not in memory. */
  | {
      type: 'erase_jobs';
      jobs: readonly { job_id: string; archived: ArchivedJob | null }[];
      /** The seq of the fold that the archive was read by. */
      read_seq: number;
      by: string;
      reason: ErasureReason;
    }
  | { type: 'advance_erasures'; job_ids: readonly string[]; stage: ErasureStage }
  /** No job of theirs counts any more. */
  | { type: 'drop_packs'; packs: readonly string[] }
  | { type: 'retry_job'; job_id: string }
  | { type: 'purge_queue'; queue: 'main' | 'dlq'; filter: JobFilter }
  | { type: 'redrive'; filter: JobFilter }
  | { type: 'record_events'; events: readonly LeasedLine[]; jitter: number }
  | {
      type: 'observe_jobs';
      source: string;
      sightings: readonly Sighting[];
      /**
       * What the archive has of sighted jobs that are not in memory; null: nothing. Any other job that is not in memory
       * has just left it, and is skipped.
       */
      archived: readonly (readonly [job_id: string, ArchivedJob | null])[];
      /** The seq of the fold that the archive was read by. A job that has left memory since is skipped. */
      read_seq: number;
    }
  /** `tenant`: the only one whose jobs it gets; absent: it gets those of all. */
  | { type: 'register_worker'; worker_id: string; registration: WorkerRegistration; tenant?: string }
  /** `found`: an instance that runs without a known worker; nothing happens if a worker has claimed it meanwhile. */
  | { type: 'launch_worker'; worker_id: string; launch: WorkerLaunch; found?: { instance_id: string; reason: string } }
  /** Where a worker that was launched runs; without effect once it has registered. */
  | { type: 'place_worker'; worker_id: string; instance_id: string; location: Location }
  /** `health` null: unchanged. */
  | { type: 'beat'; worker_id: string; health: HealthReport | null; leases: readonly string[] }
  | { type: 'drain_worker'; worker_id: string; drain?: WorkerDrain }
  | { type: 'restart_worker'; worker_id: string }
  | { type: 'terminate_worker'; worker_id: string; reason: string }
  /** Without effect if the worker has given a sign of life since, or claims another instance. */
  | ({ type: 'judge_orphaned'; worker_id: string; instance_id: string; since_ms: number; reason: string } & Acting)
  /** The fleet has done its part of an action of a policy, or could not. */
  | { type: 'settle_action'; ordinal: number; done: boolean; details: string | null }
  | { type: 'resume_policies'; by: string }
  /** To be sent by `by`, a name of its own for each claim; without those that are no longer due. */
  | { type: 'claim_notices'; notice_ids: readonly string[]; by: string }
  /** No sender but `by` is alive. */
  | { type: 'release_notices'; by: string }
  | { type: 'deliver_notice'; notice_id: string }
  /** `permanent`: trying again is pointless. `unreachable`: other notices to its destination would fail, too. */
  | {
      type: 'fail_notice';
      notice_id: string;
      by: string;
      error: string;
      permanent: boolean;
      unreachable: boolean;
      retry_after_ms: number | null;
      jitter: number;
    }
  | { type: 'replay_notice'; notice_id: string }
  /** `url`: of a webhook; null: the destination is a notifier. */
  | {
      type: 'request_notices';
      notices: readonly { notice_id: string; destination: string; url: string | null }[];
    }
  | { type: 'resolve_alert'; alert_id: string; by: string }
  | { type: 'acknowledge_alert'; alert_id: string; by: string }
  /** Either `ends_ms` or `until_resolved` is set. */
  | {
      type: 'create_silence';
      silence_id: string;
      matchers: readonly Matcher[];
      starts_ms: number | null;
      ends_ms: number | null;
      until_resolved: boolean;
      by: string;
      comment: string;
    }
  | { type: 'end_silence'; silence_id: string; by: string }
  /** `first`: nothing happens if there is a key. `outside_admin`: the settings have an admin key. */
  | {
      type: 'create_key';
      key_id: string;
      role: KeyRole;
      name: string;
      tags: readonly string[] | null;
      worker_id: string | null;
      tenant: string | null;
      /** Absent: none. */
      limits?: Limits;
      expires_ms: number | null;
      secret_hash: string;
      by: string;
      first?: boolean;
      outside_admin: boolean;
    }
  | { type: 'set_tenant'; tenant: string; weight: number; limits: Limits; by: string }
  | { type: 'reset_tenant' | 'pause_tenant' | 'resume_tenant'; tenant: string; by: string }
  /** The bytes of an upload have been stored; it is not kept if this is refused. */
  | { type: 'count_upload'; upload_id: string; upload_bytes: number; tenant?: string; key_id?: string }
  | { type: 'rotate_key'; key_id: string; secret_hash: string; overlap_ms: number; by: string }
  | { type: 'revoke_key'; key_id: string; by: string; outside_admin: boolean }
  | {
      type: 'issue_pass';
      pass_id: string;
      kind: PassKind;
      key_id: string | null;
      key_hash: string | null;
      person?: Person;
      session_id?: string;
      secret_hash: string;
      job_id: string | null;
      limits?: PassLimits;
      expires_ms: number;
    }
  /** Without effect if a use was written within `every_ms`. */
  | { type: 'use_pass'; pass_id: string; every_ms: number }
  /** `once`: refused unless this ends it. */
  | { type: 'end_pass'; pass_id: string; once: boolean }
  /**
   * Time has passed: checks leases, retries, silent workers and alert rules. `ids`: for the alerts that may be raised.
   * `expire`: whether silence counts yet. `evaluate` false: the alert rules are left out. `observed`: what alert rules
   * see beside the fold. `judge_from`: ordinal of the first running job to judge, 0 if absent; null: no job is judged.
   * `notice_ids`: for the messages about alerts. `acting`: for what policies do; absent: they do nothing.
   */
  | {
      type: 'tick';
      ids: readonly string[];
      expire: boolean;
      evaluate?: boolean;
      observed?: Observed;
      judge_from?: number | null | undefined;
      notice_ids?: readonly string[];
      acting?: Acting;
    }
  | { type: 'forget'; packs: readonly Packed[]; workers: readonly Archived[]; alerts: readonly Archived[] }
  /** Jobs that have left memory before were written into this pack. `basis_seq`: the fold's archive_seq when its author began. */
  | {
      type: 'pack_archived';
      basis_seq: number;
      made_ms: number;
      pack: Pack;
      job_ids: readonly string[];
      replaces: readonly string[];
    }
  | {
      type: 'index_archive';
      basis_seq: number;
      made_ms: number;
      packs: readonly string[];
      shards: readonly ShardRecord[];
    }
  /** The jobs of these packs, and of the replaced files without the strays, have rows in these files now. */
  | {
      type: 'write_columns';
      basis_seq: number;
      made_ms: number;
      packs: readonly string[];
      files: readonly ColumnFile[];
      replaces: readonly string[];
      strays: readonly string[];
    }
  /** No object of the old form was found, when the fold counted so many jobs in it. */
  | { type: 'end_repacking'; loose_jobs: number };

/** A record in the archive and its version there: a record that has changed since must stay in memory. */
export type Archived = { id: string; version: number };

/** Jobs that lie in a pack now. */
export type Packed = {
  pack: Pack;
  /** Log time when writing it began. */
  made_ms: number;
  jobs: readonly Archived[];
};

export type CommandType = CommandBody['type'];

/**
 * Progress and heartbeats: acknowledged on receipt, only the latest per entity is written, and the last ones may be
 * lost.
 */
export function soft(body: CommandBody): boolean {
  return body.type === 'report_progress' || body.type === 'beat';
}

/** Soft commands with the same key replace each other; null for a durable command. */
export function softKey(body: CommandBody): string | null {
  if (body.type === 'report_progress') return progressKey(body.job_id);
  if (body.type === 'beat') return `beat|${body.worker_id}`;
  return null;
}

/** Just the id, to save memory; distinct from keys of heartbeats, since no id has a `|`. */
export const progressKey = (job_id: string): string => job_id;

/** Merges two heartbeats of a worker: the later one, with leases and health of the earlier one that it lacks. */
export function mergeBeats(earlier: Command, later: Command): Command {
  const before = earlier.body;
  const body = later.body;
  if (before.type !== 'beat' || body.type !== 'beat') return later;
  const leases = [...new Set([...before.leases, ...body.leases])];
  return { ...later, body: { ...body, health: body.health ?? before.health, leases } };
}

/** The outcome of a command that was not refused. */
export type Outcome = {
  /** The segment with its events. */
  seq: number;
  refs: readonly CommandRef[];
  /** The command had taken effect before; this is the first outcome. */
  replayed: boolean;
  /** Parts of the command that had no effect. Absent if `replayed`. */
  refused?: readonly RefusedPart[];
};
