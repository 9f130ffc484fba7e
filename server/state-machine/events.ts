/**
 * The events. They are what the journal holds and all that changes state; applying one needs no settings and no time
 * but the log time of its segment. Their names and fields are part of the store's format.
 */
import type { Severity } from '../../protocol/alert.ts';
import type { Labels, Matcher } from '../../protocol/alert-labels.ts';
import type { KeyRole } from '../../protocol/api-keys.ts';
import type { JobEnd, OutputFormat, Priority } from '../../protocol/job.ts';
import type { JobOptions } from '../../protocol/job-options.ts';
import type { Action, ActionOutcome, Mode } from '../../protocol/policies.ts';
import type { Requirements } from '../../protocol/requirements.ts';
import type { Sighting } from '../../protocol/sighting.ts';
import type { TranscriptWarning } from '../../protocol/transcript.ts';
import type { Evidence, VerdictStatus } from '../../protocol/verdict.ts';
import type {
  Capabilities,
  HealthReport,
  HealthStatus,
  KnownCapabilities,
  Location,
  WorkerVerdictStatus,
} from '../../protocol/worker.ts';
import type { ErasureReason, ErasureStage, Remains } from './state/erasures.ts';
import type { Limits } from './state/limits.ts';
import type { AlertGroup, AlertsContent, NoticeContent } from './state/notices.ts';
import type { PassKind, PassLimits, Person } from './state/passes.ts';
import type { Estimate, QueuedPromise } from './state/promises.ts';
import type { ArchivedJob, AttemptError, ColumnFile, Expected, Pack, ShardRecord } from './state/records.ts';

/**
 * An event in the journal. `at` is the segment's log time, RFC 3339; `id` is `<command>/<fingerprint>/<index>`. The first
 * event of a command that was made with an API key has its `origin`.
 */
export type JournalEvent = Event & { id: string; at: string; actor: string; origin?: Origin };

/** The request that a command was made of. */
export type Origin = { request_id: string; address: string };

export type Event =
  | JobEvent
  | WorkerEvent
  | PolicyEvent
  | AlertEvent
  | NoticeEvent
  | KeyEvent
  | PassEvent
  | ErasureEvent
  | TenantEvent
  | HouseEvent;
export type EventType = Event['type'];

export type JobEvent =
  | {
      type: 'JobSubmitted';
      entity: string;
      data: {
        audio_url: string;
        output_format: OutputFormat;
        priority: Priority;
        max_attempts: number;
        duration_seconds: number | null;
        file_size_bytes: number | null;
        tags: readonly string[];
        metadata: Readonly<Record<string, string>> | null;
        webhook_url: string | null;
        /** Absent: all. */
        webhook_events?: readonly JobEnd[];
        /** Absent: false. */
        require_complete?: boolean;
        /** Absent if the submitter gave none, and in old journals. */
        options?: JobOptions;
        /** Absent if it requires nothing, and in old journals. */
        requires?: Requirements;
        /** Absent if the submitter gave none. */
        traceparent?: string;
        /** Absent without an API key. */
        submitted_by?: string;
        /** Absent: the default, and in old journals. */
        tenant?: string;
        estimated_cost_usd: number | null;
        details: string;
      };
    }
  /** The job entered the queue: on submission, after a failure (with a delay), or by hand. */
  | {
      type: 'JobQueued';
      entity: string;
      data: {
        attempt: number;
        not_before_ms: number | null;
        batch_size: number | null;
        /** The attempt ended through no fault of the job, which returns to its previous place. */
        keeps_place: boolean;
        details: string;
        /** Absent if unknown, and in old journals. */
        start_by_ms?: number;
        /** When it is expected to begin and to end. Absent if unknown, and in old journals. */
        promise?: QueuedPromise;
      };
    }
  | { type: 'JobDelayOver'; entity: string; data: Record<string, never> }
  /** A message in an external queue stands for the job's turn from now on; one before it no longer does. */
  | {
      type: 'JobMessaged';
      entity: string;
      data: { attempt: number; place: number; message_id: string; details: string };
    }
  | {
      type: 'JobAssigned';
      entity: string;
      data: {
        worker_id: string;
        instance_id: string | null;
        attempt: number;
        /** null in old journals: a worker reported the job, this queue did not hand it out. */
        token: string | null;
        expires_ms: number | null;
        estimated_cost_usd: number | null;
        /** Absent in old journals. */
        expected?: Expected;
        /** When the attempt is expected to end. Absent if unknown, and in old journals. */
        end?: Estimate;
      };
    }
  | {
      type: 'JobProgressed';
      entity: string;
      data: {
        attempt: number;
        percentage: number;
        stage: string | null;
        current_chunk: number | null;
        total_chunks: number | null;
        eta_seconds: number | null;
        duration_seconds: number | null;
        file_size_bytes: number | null;
        /** Present if the job is CANCELLING; it remains so. */
        cancelling?: boolean;
      };
    }
  | {
      type: 'JobCompleted';
      entity: string;
      data: {
        attempt: number;
        s3_path: string;
        segments_count: number;
        confidence_score: number | null;
        /** Absent if there are none, and in old journals. */
        warnings?: readonly TranscriptWarning[];
        /** Absent unless true. */
        suspect?: boolean;
        cost_usd: number | null;
        details: string;
      };
    }
  /** An attempt ended without a transcript. The next event moves the job: JobQueued, JobFailed or JobCancelled. */
  | {
      type: 'JobAttemptFailed';
      entity: string;
      data: {
        attempt: number;
        error: AttemptError;
        cost_usd: number | null;
        /**
         * Present if this was, or may have been, the fault of its worker: when that may have a job on trial, if it is
         * suspended now.
         */
        trial_ms?: number;
      };
    }
  | { type: 'JobFailed'; entity: string; data: { dead_until_ms: number; details: string } }
  | { type: 'JobCancelRequested'; entity: string; data: { kill_ms: number; details: string } }
  /** `cost_usd`: of the attempt that this ends, if one was running. */
  | { type: 'JobCancelled'; entity: string; data: { details: string; cost_usd: number | null } }
  /** The verdict on a waiting or running job has changed. `since_ms`: since when it is so. */
  | {
      type: 'JobJudged';
      entity: string;
      data: {
        state: 'QUEUED' | 'PROCESSING';
        attempt: number;
        status: VerdictStatus;
        since_ms: number;
        reason: string;
        evidence: Evidence;
      };
    }
  /** The job left the dead-letter queue because it was too old or purged. It stays FAILED. */
  | { type: 'JobDropped'; entity: string; data: { details: string } }
  /** A source reported something new about a job that runs elsewhere. Times are from the source's clock. */
  | {
      type: 'JobObserved';
      entity: string;
      data: {
        source: string;
        /** Everything known about the job, this sighting included. */
        sighting: Omit<Sighting, 'job_id'>;
        /** The job as it was archived: it returns to memory, and its record in the archive no longer counts. */
        returning?: ArchivedJob;
        /**
         * When to check the worker for silence; null if the sighting is too old, or the worker sends heartbeats itself.
         */
        worker_check_ms: number | null;
      };
    };

export type WorkerEvent =
  | {
      type: 'WorkerLaunched';
      entity: string;
      data: {
        capabilities: Capabilities;
        location: Location;
        check_ms: number;
        /** Absent while the fleet has not told it. */
        instance_id?: string;
        /** Why, if nobody asked for the launch. */
        reason?: string;
      };
    }
  | {
      type: 'WorkerRegistered';
      entity: string;
      /** Merged with the known values; null removes a value. */
      data: {
        instance_id: string | null;
        capabilities: KnownCapabilities;
        location: Location;
        check_ms: number;
        /** The only tenant whose jobs it gets. Absent: those of all, and in old journals. */
        tenant?: string;
      };
    }
  | {
      type: 'WorkerBeat';
      entity: string;
      data: {
        health: HealthReport;
        status: HealthStatus;
        check_ms: number;
        /** Jobs whose leases are renewed until `expires_ms`. */
        renewed: readonly string[];
        expires_ms: number;
        /** Another sign of life than a heartbeat. Absent: false, and in old journals. */
        sign?: true;
      };
    }
  | {
      type: 'WorkerStatusChanged';
      entity: string;
      data: { status: HealthStatus; check_ms: number | null; reason: string };
    }
  /** `replace`: its machine is being taken away, and the fleet is to replace it. Absent: false. */
  | { type: 'WorkerDraining'; entity: string; data: { reason?: string; replace?: boolean } }
  | { type: 'WorkerRestarting'; entity: string; data: { check_ms: number } }
  | { type: 'WorkerTerminated'; entity: string; data: { reason: string } }
  /** The verdict on a worker has changed. `since_ms`: since when it is so. */
  | {
      type: 'WorkerJudged';
      entity: string;
      data: { status: WorkerVerdictStatus; since_ms: number; reason: string; evidence: Evidence };
    };

export type PolicyEvent =
  /** A policy has decided about the job or worker `entity`. The events of the action follow in the same command. */
  | {
      type: 'ActionDecided';
      entity: string;
      data: {
        of: 'job' | 'worker';
        policy: string;
        verdict: string;
        action: Action;
        mode: Mode;
        outcome: ActionOutcome;
        reason: string;
        evidence: Evidence;
        /** Of a job: the worker that has it, or had it last. */
        worker_id: string | null;
        /** Of a job: its state before the action. */
        state?: 'QUEUED' | 'PROCESSING';
        /** Name of the instance that decided. */
        by: string;
        /** Present if a worker is launched. */
        launched_worker_id?: string;
        /** Present if the fleet has to do something with a machine. */
        machine?: true;
        /** Present if a worker has to end its engine: its lease ends then at the latest, and is not renewed. */
        kill_ms?: number;
      };
    }
  /** The fleet has done its part of the action `entity`, or could not. */
  | { type: 'ActionSettled'; entity: string; data: { done: boolean; details: string | null } }
  /** Too many would have acted at once. */
  | { type: 'PoliciesPaused'; entity: string; data: { until_ms: number; reason: string } }
  | { type: 'PoliciesResumed'; entity: string; data: { by: string } };

export type AlertEvent =
  /** The condition holds, but not yet for as long as the rule requires. */
  | {
      type: 'AlertPending';
      entity: string;
      /** All but the first four fields are absent in old journals. */
      data: {
        rule: string;
        subject: string | null;
        severity: Severity;
        message: string;
        labels?: Labels;
        description?: string | null;
        runbook_url?: string | null;
        /** The log time for which the rules were evaluated; absent: that of the segment. */
        evaluated_ms?: number;
      };
    }
  /** The alert fires. It may have been pending before. */
  | {
      type: 'AlertRaised';
      entity: string;
      /** All but the first four fields are absent in old journals. */
      data: {
        rule: string;
        subject: string | null;
        severity: Severity;
        message: string;
        labels?: Labels;
        description?: string | null;
        runbook_url?: string | null;
        /** The log time for which the rules were evaluated; absent: that of the segment. */
        evaluated_ms?: number;
      };
    }
  /** Somebody has taken it up: it notifies nobody until it is resolved. */
  | { type: 'AlertAcknowledged'; entity: string; data: { by: string } }
  | { type: 'AlertResolved'; entity: string; data: { by: string; evaluated_ms?: number } }
  /** The condition no longer holds; the alert may be raised again. One that was pending is forgotten. */
  | { type: 'AlertCleared'; entity: string; data: Record<string, never> }
  /** Either `ends_ms` is set, or `alert_ids`: the silence then ends when the last of these alerts is resolved. */
  | {
      type: 'SilenceCreated';
      entity: string;
      data: {
        matchers: readonly Matcher[];
        starts_ms: number;
        ends_ms: number | null;
        alert_ids: readonly string[] | null;
        by: string;
        comment: string;
      };
    }
  /** By hand, or because its time is over. */
  | { type: 'SilenceEnded'; entity: string; data: { by: string } };

/** Notices about jobs need no event to be made: the end of the job makes them. */
export type NoticeEvent =
  /** A sender sends these; from `until_ms` on another may. */
  | { type: 'NoticesClaimed'; entity: string; data: { notice_ids: readonly string[]; by: string; until_ms: number } }
  /** Their sender is gone: they may be sent at once. */
  | { type: 'NoticesReleased'; entity: string; data: { notice_ids: readonly string[] } }
  | { type: 'NoticeDelivered'; entity: string; data: Record<string, never> }
  /**
   * `next_ms`: when it is tried again; null: never. `unreachable`: counts against its destination, to which nothing is sent
   * before `blocked_until_ms`.
   */
  | {
      type: 'NoticeFailed';
      entity: string;
      data: { error: string; next_ms: number | null; unreachable: boolean; blocked_until_ms: number | null };
    }
  /** It is to be sent again, under the same id. */
  | { type: 'NoticeReplayed'; entity: string; data: Record<string, never> }
  /** Its destination has been notified of a group of alerts: `notified` are those that are not resolved. */
  | {
      type: 'AlertsNotified';
      entity: string;
      data: {
        group: string;
        destination: string;
        labels: Labels;
        notified: AlertGroup['notified'];
        content: AlertsContent;
      };
    }
  /** A group is over without a message. */
  | { type: 'AlertGroupEnded'; entity: string; data: Record<string, never> }
  | { type: 'NoticeRequested'; entity: string; data: { destination: string; content: NoticeContent } }
  /** Those whose entry in the order of their ends is not after `through` have left the fold. */
  | { type: 'NoticesForgotten'; entity: string; data: { through: string } };

/** API keys. `secret_hash`: HMAC-SHA-256 of the secret; no event has a secret. */
export type KeyEvent =
  | {
      type: 'KeyCreated';
      entity: string;
      data: {
        role: KeyRole;
        name: string;
        tags: readonly string[] | null;
        worker_id: string | null;
        tenant: string | null;
        /** Absent: none, and in old journals. */
        limits?: Limits;
        secret_hash: string;
        expires_ms: number | null;
        by: string;
      };
    }
  /** The secret before it is accepted until `previous_until_ms`, an earlier one no longer. */
  | { type: 'KeyRotated'; entity: string; data: { secret_hash: string; previous_until_ms: number; by: string } }
  | { type: 'KeyRevoked'; entity: string; data: { by: string } };

export type TenantEvent =
  | { type: 'TenantSet'; entity: string; data: { weight: number; limits: Limits; by: string } }
  /** The defaults apply again. */
  | { type: 'TenantReset'; entity: string; data: { by: string } }
  | { type: 'TenantPaused'; entity: string; data: { by: string } }
  | { type: 'TenantResumed'; entity: string; data: { by: string } }
  /** An upload has been stored, for the quotas of its tenant (absent: the default) and of its key. */
  | { type: 'UploadCounted'; entity: string; data: { upload_bytes: number; tenant?: string; key_id?: string } };

/** Sessions, tickets and tokens; each ends with its key or session. Hashes as of keys. */
export type PassEvent =
  | {
      type: 'PassIssued';
      entity: string;
      data: {
        kind: PassKind;
        /** Null with `person`, and only then. */
        key_id: string | null;
        key_hash: string | null;
        /** Absent: made with a key. */
        person?: Person;
        /** Absent: not made by a session. */
        session_id?: string;
        secret_hash: string;
        job_id: string | null;
        /** Absent except of a link. */
        limits?: PassLimits;
        expires_ms: number;
      };
    }
  /** A session is in use. Written now and then, not for each request. */
  | { type: 'PassUsed'; entity: string; data: Record<string, never> }
  | { type: 'PassEnded'; entity: string; data: Record<string, never> };

export type ErasureEvent =
  /** The job and everything personal about it leave the fold. `data` says where its objects are, and has no personal field. */
  | {
      type: 'JobErased';
      entity: string;
      data: {
        by: string;
        reason: ErasureReason;
        /** A source reported it. */
        observed: boolean;
        /** It had left memory: `pack` as of ArchivedJob, and the day of its rows for analytics. */
        archived: { pack: string | null; day: number } | null;
        ends: Remains['ends'];
        workers: Remains['workers'];
        upload_id: Remains['upload_id'];
      };
    }
  /** See erasures.ts for the stages. */
  | { type: 'ErasuresAdvanced'; entity: string; data: { job_ids: readonly string[]; stage: ErasureStage } }
  /** No job of these packs counts any more. */
  | { type: 'PacksDropped'; entity: string; data: { packs: readonly string[] } };

/** Records that the fold drops because the archive has them, and losses in the journal. */
export type HouseEvent =
  | {
      type: 'JobsArchived';
      entity: string;
      data: {
        job_ids: readonly string[];
        /** Has them all, and nothing else. Left out: each is an object of its own, as it was before there were packs. */
        pack?: Pack;
      };
    }
  /** Jobs that have left memory before lie in this pack now, and in those no longer. */
  | {
      type: 'ArchivePacked';
      entity: string;
      data: { job_ids: readonly string[]; pack: Pack; replaces: readonly string[] };
    }
  /** The index covers these packs. Each shard takes the place of the one with the same first id. */
  | {
      type: 'ArchiveIndexed';
      entity: string;
      data: { packs: readonly string[]; shards: readonly ShardRecord[] };
    }
  /** The jobs of these packs have rows in these column files, which take the place of others; strays have none any more. */
  | {
      type: 'ColumnsWritten';
      entity: string;
      data: {
        packs: readonly string[];
        files: readonly ColumnFile[];
        replaces: readonly string[];
        strays: readonly string[];
      };
    }
  /** No job is archived as an object of its own any more. */
  | { type: 'ArchiveRepacked'; entity: string; data: Record<string, never> }
  | { type: 'WorkersArchived'; entity: string; data: { worker_ids: readonly string[] } }
  | { type: 'AlertsArchived'; entity: string; data: { alert_ids: readonly string[] } }
  | { type: 'CommandsForgotten'; entity: string; data: { through_ordinal: number } }
  /** The owner accepted the loss of segments: of those after `after_seq`, up to `through_seq`, some are missing. */
  | {
      type: 'LossAccepted';
      entity: string;
      data: { after_seq: number; through_seq: number; missing: readonly string[] };
    };
