/**
 * The port for notices of a cloud that is about to take this machine away. A cloud is one source; notice-watch.ts polls it, and
 * the worker acts on what it finds.
 */
export type Notice =
  /** The machine ends at `ends_ms` (wall time), whatever runs on it. */
  | { kind: 'interruption'; reason: string; ends_ms: number }
  /** The machine will probably be interrupted, and another one would be safer. Nothing ends yet. */
  | { kind: 'rebalance'; reason: string };

export interface NoticeSource {
  /** Whether this machine belongs to the cloud, by one short request. Never rejects. */
  isHere(signal: AbortSignal): Promise<boolean>;
  /** The notice in force, the more urgent if there are two; null if there is none. Rejects if that is unknown. */
  read(signal: AbortSignal): Promise<Notice | null>;
}

/** What a worker needs of it. */
export interface Notices {
  /** Calls `listener` with the notice in force, if any, and with each later one. Returns a function that ends this. */
  subscribe(listener: (notice: Notice) => void): () => void;
}
