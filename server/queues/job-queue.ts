/**
 * How waiting jobs reach workers: `embedded:`, in the order of the fold, or an external queue, in the order in which it
 * delivers messages. The journal decides every claim either way; a queue only proposes jobs.
 */
import type { JobMessage, Outcome } from '../state-machine/decide/commands.ts';

export type ClaimRequest = {
  worker_id: string;
  max_jobs: number;
  /** How long to wait for a job; with 0, tries once. */
  wait_ms: number;
  /** Aborts when the caller no longer waits; null if it does not wait. */
  signal: AbortSignal | null;
  /**
   * Tries to claim jobs: those of the messages, or the next ones in the embedded order. Called again if there were
   * none.
   */
  claim: (messages?: readonly JobMessage[]) => Promise<Pick<Outcome, 'refs'>>;
};

/** The figures of an external queue, which counts the messages of others, too. */
export type QueueFigures = {
  messages_visible: number;
  messages_inflight: number;
  messages_delayed: number;
};

export type MeasuredFigures = { url: string; read_ms: number; figures: QueueFigures | null; problem: string | null };

export interface JobQueue {
  /** Resolves with the claimed jobs, or with none after `wait_ms` or once the worker is stopping. */
  next(request: ClaimRequest): Promise<Outcome['refs']>;
  /** Resolves every waiting claim; no jobs are handed out any more. */
  close(): void;
}

/** A queue that may fail on its own. */
export interface ExternalQueue extends JobQueue {
  readonly problem: string | null;
  /** Messages that are neither the monitor's nor valid submissions or events. */
  readonly not_understood: number;
  figures(): Promise<MeasuredFigures>;
  start(): void;
  stop(): Promise<void>;
}
