/**
 * What happened. Events are what the journal keeps and the only thing that changes state; each says enough that applying
 * it needs no setting and no clock but the segment's log time. Their names and fields are part of the store's format.
 */
import type { Severity } from '../../protocol/alert.ts';
import type { JobError, OutputFormat, Priority } from '../../protocol/job.ts';
import type { Sighting } from '../../protocol/sighting.ts';
import type { Capabilities, HealthReport, HealthStatus, KnownCapabilities, Location } from '../../protocol/worker.ts';
import type { Pack, Replaced, ShardRecord } from './state/records.ts';

/** An event as the journal keeps it. `at` is the segment's log time, RFC 3339; `id` is `<command>/<fingerprint>/<index>`. */
export type JournalEvent = Event & { id: string; at: string; actor: string };

export type Event = JobEvent | WorkerEvent | AlertEvent | HouseEvent;
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
        estimated_cost_usd: number | null;
        details: string;
      };
    }
  /** Placed in the queue: at first, after a failure (with a delay), by hand, or when its delay is over. */
  | {
      type: 'JobQueued';
      entity: string;
      data: {
        attempt: number;
        not_before_ms: number | null;
        batch_size: number | null;
        /** It was taken from a worker through no fault of its own, and goes back to the place it had. */
        keeps_place: boolean;
        details: string;
      };
    }
  | { type: 'JobDelayOver'; entity: string; data: Record<string, never> }
  | {
      type: 'JobAssigned';
      entity: string;
      data: {
        worker_id: string;
        instance_id: string | null;
        attempt: number;
        /** null, in old journals: the job was not handed out by this queue, its worker only reported it. */
        token: string | null;
        expires_ms: number | null;
        estimated_cost_usd: number | null;
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
        /** The job is CANCELLING, and stays so. Left out otherwise. */
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
        cost_usd: number | null;
        details: string;
      };
    }
  /** An attempt ended without a transcript. What becomes of the job is the next event's: JobQueued, JobFailed or JobCancelled. */
  | { type: 'JobAttemptFailed'; entity: string; data: { attempt: number; error: JobError; cost_usd: number | null } }
  | { type: 'JobFailed'; entity: string; data: { dead_until_ms: number; details: string } }
  | { type: 'JobCancelRequested'; entity: string; data: { kill_ms: number; details: string } }
  /** With the cost of the attempt that it ends, if one still ran. */
  | { type: 'JobCancelled'; entity: string; data: { details: string; cost_usd: number | null } }
  /** Left the dead-letter queue: too old, or purged. It stays FAILED. */
  | { type: 'JobDropped'; entity: string; data: { details: string } }
  /** A system without a server told something new of a job that runs elsewhere. Its times are the source's own. */
  | {
      type: 'JobObserved';
      entity: string;
      data: {
        source: string;
        /** All that is known of the job with it. */
        sighting: Omit<Sighting, 'job_id'>;
        /** Its worker is there now, and its silence is looked at then; null where that is long ago, or nobody's business. */
        worker_check_ms: number | null;
      };
    };

export type WorkerEvent =
  | {
      type: 'WorkerLaunched';
      entity: string;
      data: { capabilities: Capabilities; location: Location; check_ms: number };
    }
  | {
      type: 'WorkerRegistered';
      entity: string;
      /** Merged with what is known; null withdraws it. */
      data: {
        instance_id: string | null;
        capabilities: KnownCapabilities;
        location: Location;
        check_ms: number;
      };
    }
  | {
      type: 'WorkerBeat';
      entity: string;
      data: {
        health: HealthReport;
        status: HealthStatus;
        check_ms: number;
        /** Jobs whose leases are renewed, and until when. */
        renewed: readonly string[];
        expires_ms: number;
      };
    }
  | {
      type: 'WorkerStatusChanged';
      entity: string;
      data: { status: HealthStatus; check_ms: number | null; reason: string };
    }
  | { type: 'WorkerDraining'; entity: string; data: Record<string, never> }
  | { type: 'WorkerRestarting'; entity: string; data: { check_ms: number } }
  | { type: 'WorkerTerminated'; entity: string; data: { reason: string } };

export type AlertEvent =
  | {
      type: 'AlertRaised';
      entity: string;
      data: { rule: string; subject: string | null; severity: Severity; message: string };
    }
  | { type: 'AlertResolved'; entity: string; data: { by: string } }
  /** The condition no longer holds: it may be raised anew. */
  | { type: 'AlertCleared'; entity: string; data: Record<string, never> };

/** About the house, not about the fleet: what the fold may forget because the archive has it, and what was lost. */
export type HouseEvent =
  | {
      type: 'JobsArchived';
      entity: string;
      data: {
        job_ids: readonly string[];
        /** Has them all, and nothing else. Left out: each is an object of its own, as it was before there were packs. */
        pack?: Pack;
        /** Older records of some of them. */
        replaced?: readonly Replaced[];
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
  /** No job is archived as an object of its own any more. */
  | { type: 'ArchiveRepacked'; entity: string; data: Record<string, never> }
  | { type: 'WorkersArchived'; entity: string; data: { worker_ids: readonly string[] } }
  | { type: 'AlertsArchived'; entity: string; data: { alert_ids: readonly string[] } }
  | { type: 'CommandsForgotten'; entity: string; data: { through_ordinal: number } }
  /** The owner went on without segments that were lost: of those after the first and up to the second, not all were read. */
  | {
      type: 'LossAccepted';
      entity: string;
      data: { after_seq: number; through_seq: number; missing: readonly string[] };
    };
