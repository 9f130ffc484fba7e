/**
 * The fleet port: machines or processes on which the monitor can start and stop workers itself.
 *
 * A launched worker registers itself under the id passed to it. A fleet knows only the workers it launched and returns
 * false for others, which receive commands in the responses to their heartbeats.
 */
import type { WorkerLaunch } from '../../protocol/worker.ts';

export interface Fleet {
  /** Throws MonitorError if it cannot launch workers: there is no fleet, or it is closing. */
  assertLaunches(): void;
  /** Starts a worker with this id unless it is running. Throws MonitorError on failure. */
  launch(worker_id: string, launch: WorkerLaunch): Promise<void>;
  /**
   * Stops the worker, by force if needed, and starts it again with the same id. Returns false if this fleet did not
   * launch it.
   */
  restart(worker_id: string): Promise<boolean>;
  /** Stops the worker now. Returns false if this fleet did not launch it. */
  terminate(worker_id: string): Promise<boolean>;
  /** Stops all workers. */
  close(): Promise<void>;
}
