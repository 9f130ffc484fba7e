/**
 * What is asked. A command carries all the chance it needs (ids, a token's secret part), so that deciding it is pure and
 * deciding it again, after another instance was faster, gives the same ids.
 */
import type { FailureReport, JobSubmission, ProgressReport } from '../../../protocol/job.ts';
import type { JobFilter } from '../../../protocol/queue.ts';
import type { Sighting } from '../../../protocol/sighting.ts';
import type { HealthReport, WorkerLaunch, WorkerRegistration } from '../../../protocol/worker.ts';
import type { CommandRef, Pack, Replaced, ShardRecord } from '../state/records.ts';
import type { RefusedPart } from './decision.ts';
import type { LeasedLine } from './reports.ts';

export type Command = {
  /** Unique; for a request with an Idempotency-Key made from that key, so that a retry has the same. No `/`. */
  id: string;
  /** What the request asked, hashed: the same id with another fingerprint is a mistake of the client's. Empty without a key. */
  fingerprint: string;
  /** Who asked: `api`, `worker:worker-1`, `monitor`. */
  actor: string;
  body: CommandBody;
};

export type CommandBody =
  | { type: 'submit_jobs'; jobs: readonly ({ job_id: string } & JobSubmission)[] }
  | { type: 'claim_jobs'; worker_id: string; max_jobs: number; secret: string }
  | { type: 'report_progress'; job_id: string; report: ProgressReport }
  | {
      type: 'complete_job';
      job_id: string;
      lease_token: string;
      output: { s3_path: string; segments_count: number; confidence_score?: number | null };
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
  | { type: 'retry_job'; job_id: string }
  | { type: 'purge_queue'; queue: 'main' | 'dlq'; filter: JobFilter }
  | { type: 'redrive'; filter: JobFilter }
  | { type: 'record_events'; events: readonly LeasedLine[]; jitter: number }
  | {
      type: 'observe_jobs';
      source: string;
      sightings: readonly Sighting[];
      /** Jobs that are neither in memory nor in the archive. Another that is not in memory left it a moment ago, and is let be. */
      absent: readonly string[];
    }
  | { type: 'register_worker'; worker_id: string; registration: WorkerRegistration }
  | { type: 'launch_worker'; worker_id: string; launch: WorkerLaunch }
  /** `health` null: as it was last reported. */
  | { type: 'beat'; worker_id: string; health: HealthReport | null; leases: readonly string[] }
  | { type: 'drain_worker'; worker_id: string }
  | { type: 'restart_worker'; worker_id: string }
  | { type: 'terminate_worker'; worker_id: string; reason: string }
  | { type: 'resolve_alert'; alert_id: string; by: string }
  /** Time passed: leases, retries, silences and alert rules are looked at. `ids` name the alerts that this may raise; `expire`: whether silence counts yet; `store_rule`: what a rule of the store would do, null if none does harm, left out if that is not known. */
  | { type: 'tick'; ids: readonly string[]; expire: boolean; store_rule?: string | null | undefined }
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
  /** No object of the old form was found, when the fold counted so many jobs in it. */
  | { type: 'end_repacking'; loose_jobs: number };

/** A record that the archive has, and the version it has: one that has changed since must stay. */
export type Archived = { id: string; version: number };

/** Jobs that lie in a pack now. */
export type Packed = {
  pack: Pack;
  /** Log time when writing it began. */
  made_ms: number;
  jobs: readonly Archived[];
  /** Older records of some of these jobs. */
  replaced: readonly Replaced[];
};

export type CommandType = CommandBody['type'];

/** Progress and heartbeats: answered on receipt, the latest of an entity wins inside a batch, the last ones may be lost. */
export function soft(body: CommandBody): boolean {
  return body.type === 'report_progress' || body.type === 'beat';
}

/** Which soft commands replace each other. */
export function softKey(body: CommandBody): string | null {
  if (body.type === 'report_progress') return progressKey(body.job_id);
  if (body.type === 'beat') return `beat|${body.worker_id}`;
  return null;
}

/** A job's id alone: there are many, and no id has a `|`. */
export const progressKey = (job_id: string): string => job_id;

/** The soft command that stands for two with the same key: the later one, and of a heartbeat's leases and health what it leaves out. */
export function mergeSoft(earlier: Command, later: Command): Command {
  const [before, body] = [earlier.body, later.body];
  if (before.type !== 'beat' || body.type !== 'beat') return later;
  const leases = [...new Set([...before.leases, ...body.leases])];
  return { ...later, body: { ...body, health: body.health ?? before.health, leases } };
}

/** What became of a command that was not refused. */
export type Outcome = {
  /** The segment in which it stands. */
  seq: number;
  refs: readonly CommandRef[];
  /** It had been done before; this is the first answer again. */
  replayed: boolean;
  /** What of it had no effect, where it has many parts. Nothing where it is the first answer again. */
  refused?: readonly RefusedPart[];
};

/** Settings that decisions follow. What follows from them is written into events, so applying never needs them. */
export type Policy = {
  lease_ms: number;
  kill_deadline_ms: number;
  retry_base_ms: number;
  retry_max_ms: number;
  passes_max: number;
  worker_degraded_ms: number;
  worker_lost_ms: number;
  worker_terminated_ms: number;
  worker_start_ms: number;
  dlq_window_ms: number;
  commands_window_ms: number;
  commands_max: number;
};
