/**
 * The fleet port: machines or processes on which the monitor can start and end workers itself.
 *
 * A worker that was launched registers by itself under the id it was given. A fleet knows only those it launched; of the
 * others it answers false, and they are reached by the commands in their heartbeats' answers.
 */
import type { WorkerLaunch } from '../../protocol/worker.ts';

export interface Fleet {
  /** Throws MonitorError where it launches nothing: there is no fleet, or it closes. */
  assertLaunches(): void;
  /** Starts a worker with this id, if it has none. Throws MonitorError where it can't. */
  launch(worker_id: string, launch: WorkerLaunch): Promise<void>;
  /** Ends it, by force if it does not go by itself, and starts it again with the same id. False: not ours. */
  restart(worker_id: string): Promise<boolean>;
  /** Ends it now. False: not ours. */
  terminate(worker_id: string): Promise<boolean>;
  /** Ends all of them. */
  close(): Promise<void>;
}
