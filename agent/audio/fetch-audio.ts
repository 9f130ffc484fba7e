/**
 * Brings a job's audio onto this machine, streamed to a file: from `https://`, from `s3://bucket/key`, from `upload://ID/name`
 * (a file that was given to the monitor itself).
 *
 * A URL may carry a signature in its query or a password in front of its host: neither is ever in a message.
 */

export type FetchAudioRequest = {
  audio_url: string;
  /** The file to write; its directory exists. */
  path: string;
  signal: AbortSignal;
  /** Opens an upload's bytes; only asked for `upload://` URLs. */
  openUpload: (upload_id: string, signal: AbortSignal) => Promise<ReadableStream<Uint8Array>>;
  /** Bytes so far, and of how many (null where the server doesn't say). */
  onProgress?: (received_bytes: number, total_bytes: number | null) => void;
  limits?: Partial<FetchLimits>;
};

export type FetchLimits = {
  size_bytes_max: number;
  /** For the first byte of an answer. */
  answer_timeout_ms: number;
  /** For each next piece of it. */
  idle_timeout_ms: number;
};

export type FetchedAudio = { path: string; file_size_bytes: number };

/**
 * Throws EngineError `audio_url_invalid`, `audio_not_found`, `audio_forbidden`, `audio_too_large`, `audio_unreachable` or
 * `disk_full`; the signal's reason when it aborts. A file half written is left for the caller to remove with its directory.
 */
export async function fetchAudio(_request: FetchAudioRequest): Promise<FetchedAudio> {
  throw new Error('not yet');
}
