/**
 * The fleet port: machines or processes on which the monitor can start and stop workers itself.
 *
 * A launched worker registers itself under the id passed to it. A fleet knows only the workers that run on it and
 * returns false for others, which receive commands in the responses to their heartbeats.
 */
import type { Location, WorkerLaunch } from '../../protocol/worker.ts';

export interface Fleet {
  /** Null if it starts and ends no machines. `replaces`: it keeps a number of them, and starts one in place of one that ends. */
  readonly machines: { replaces: boolean } | null;
  /** Throws MonitorError if it cannot launch workers: there is no fleet, or it is closing. */
  assertLaunches(): void;
  /**
   * Starts a worker with this id unless it is running. Returns where it runs; null if that is not known, or not yet.
   * Throws MonitorError on failure.
   */
  launch(worker_id: string, launch: WorkerLaunch): Promise<Placement | null>;
  /**
   * Stops the worker, by force if needed, and starts it again with the same id. Returns false if it does not run on
   * this fleet.
   */
  restart(member: Member): Promise<boolean>;
  /**
   * Stops the worker now. Returns false if it does not run on this fleet. `replace`: a fleet that keeps a number of
   * machines starts another one instead; default false.
   */
  terminate(member: Member, options?: { replace?: boolean }): Promise<boolean>;
  /** Absent if the fleet cannot list what runs on it. */
  readonly listing?: InstanceListing;
  /** Stops the workers that cannot live without the monitor. */
  close(): Promise<void>;
}

/** A worker as the monitor knows it. */
export type Member = { worker_id: string; instance_id: string | null };

export type Placement = { instance_id: string; location: Location };

export interface InstanceListing {
  /**
   * Every instance that is marked as this monitor's, and those of `claimed` that exist, however they are marked.
   * Throws if the list is not complete.
   */
  list(claimed: readonly string[]): Promise<Instance[]>;
  /** Whether this is an id of the kind of instance that `list` returns. */
  isInstanceId(instance_id: string): boolean;
  /** Where `list` looks; null if instances have no region. */
  readonly region: string | null;
}

export type Instance = {
  instance_id: string;
  /** The worker that the instance was started for; null if it was started without the monitor. */
  worker_id: string | null;
  /** `stopped` ones exist and may be started again; `ended` ones never run again. */
  state: 'running' | 'stopped' | 'ended';
  /** Marked as this monitor's. */
  ours: boolean;
  launched_ms: number;
  location: Location;
};
