/**
 * The engine port: a speech recogniser as the worker sees it.
 *
 * The life of one transcription. The worker has fetched the audio into a directory of its own and knows its length; it calls
 * `transcribe` with both and with a signal.
 *
 *     started      the engine may convert the audio first (only inside `work_directory`), then starts its program
 *     under way    the program says how far it is; each time `onProgress` is called: percentage never falls, 100 is not promised
 *     answered     the program has ended well: the promise resolves with the Transcript
 *     failed       it ended badly, or had nothing to read: the promise rejects with an EngineError that says whose fault it was
 *     stopped      the signal aborted: the program and all it started are killed, and only then the promise rejects with
 *                  the signal's reason
 *
 * Whatever the end, no process of the engine is left running. The work directory is the caller's to remove. An engine keeps
 * nothing between two calls: each starts its program anew, so that a crash, a leak or a kill takes one job with it and no more.
 * The price is loading the model once a job, some seconds for a large one.
 *
 * Adapters: whisper-cpp.ts, faster-whisper.ts, openai-whisper.ts, pocketsphinx.ts, exec.ts. choose-engine.ts picks one.
 */
import type { Transcript } from '../../protocol/transcript.ts';

export interface Engine {
  /** As it is chosen on the command line: `pocketsphinx`, `whisper.cpp`, `exec`. */
  readonly name: string;

  /**
   * Makes sure that the engine can work here, and answers what the worker may register. Called once, before the first claim. Throws
   * EngineError `engine_missing` (with the command that installs it) or `engine_crashed`.
   */
  prepare(): Promise<EngineCapabilities>;

  /** Makes one transcript; see the header for how it may end. Calls may overlap. */
  transcribe(task: TranscribeTask, options: TranscribeOptions): Promise<Transcript>;
}

/** The `capabilities` of a worker. */
export type EngineCapabilities = {
  model: string;
  device: 'cpu' | 'cuda';
  /** Whether the engine computes on a GPU in reduced precision. */
  gpu_optimized: boolean;
  /** Pieces of audio decoded at once; 1 where the engine knows no batches. */
  batch_size: number;
};

export type TranscribeTask = {
  /** A local file of any kind; the engine finds out itself whether it can read it. */
  audio_path: string;
  duration_seconds: number;
  /** An existing directory that belongs to this call alone. */
  work_directory: string;
  /** At most this many pieces at once: `capabilities.batch_size`, or less after running out of memory. */
  batch_size: number;
};

export type TranscribeOptions = {
  signal: AbortSignal;
  onProgress: (progress: EngineProgress) => void;
};

export type EngineProgress = {
  /** 0 to 100, of the audio's length. */
  percentage: number;
  /** Pieces done, from 0, and how many there are. */
  current_chunk: number;
  total_chunks: number;
};

/** Why an attempt failed on the worker's side; whether another attempt can help depends on the code alone. */
const RETRYABLE = {
  gpu_out_of_memory: true, // with half the batch size
  engine_crashed: true,
  engine_missing: true, // another worker may have it
  engine_choice_invalid: false, // what the worker's owner wrote after --engine
  disk_full: true, // another worker may have room
  audio_unreachable: true, // network trouble, a busy server
  audio_not_found: false,
  audio_forbidden: false,
  audio_too_large: false,
  audio_empty: false,
  audio_truncated: false,
  audio_unreadable: false,
  audio_unsupported: false,
  audio_url_invalid: false,
} as const satisfies Record<string, boolean>;

export type EngineErrorCode = keyof typeof RETRYABLE;

/** The one error of engines and of what fetches and reads audio. */
export class EngineError extends Error {
  readonly code: EngineErrorCode;
  readonly retryable: boolean;
  /** What the owner can do about it. */
  readonly hint: string | undefined;
  /** What the next attempt should change. */
  readonly retry_with: { batch_size: number } | undefined;

  constructor(
    code: EngineErrorCode,
    message: string,
    options: { hint?: string; retry_with?: { batch_size: number }; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = 'EngineError';
    this.code = code;
    this.retryable = RETRYABLE[code];
    this.hint = options.hint;
    this.retry_with = options.retry_with;
  }
}
