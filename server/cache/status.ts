/** What the monitor knows about its cache, for probes and metrics. */
export type CacheStatus = {
  /** Whether Redis took the last write. */
  up: boolean;
  /** Why it accepts no writes; null while it does, and before the first attempt. */
  problem: string | null;
  /** Jobs whose change is not written yet. */
  pending: number;
  /** Documents written or removed since the start. */
  written: number;
  /** Of those sent, how many Redis already had in a newer form: from another instance. */
  superseded: number;
  /** Attempts that failed. */
  failures: number;
};
