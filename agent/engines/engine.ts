/**
 * The engine port: a speech recognition engine as the worker sees it.
 *
 * The life of one transcription. The worker has downloaded the audio into a directory of its own and has an idea
 * of its length; it calls `transcribe` with both and a signal.
 *
 *     started      the engine may convert the audio first (only inside `work_directory`)
 *     waiting      `onStage` says WAITING_FOR_ENGINE, which works on other jobs or is ending, or LOADING_MODEL
 *     given        `onStage` says TRANSCRIBING
 *     read         `onAudio` is called with the length of what the program has decoded, if it says so
 *     running      `onProgress` is called with each progress of the program: the percentage never falls; 100 is not guaranteed
 *     succeeded    the promise resolves with the Transcript
 *     failed       the program failed, or could not read the audio: the promise rejects with an EngineError whose code says why
 *     stopped      the signal aborted: the work on the job has stopped, or the program and everything it started is killed; then
 *                  the promise rejects with the signal's reason
 *
 * In every case nothing of the engine works on the job any more. The caller removes the work directory.
 *
 * An engine whose program is a Python library keeps a process with the model loaded between two calls (warm/lifecycle.ts). What
 * one job does to that process costs no other job its attempt: those that ran beside it run again in the next one. `close` ends
 * it. Other engines start their program for each job, and keep nothing.
 *
 * Adapters: whisper-cpp.ts, faster-whisper.ts, openai-whisper.ts, pocketsphinx.ts, exec.ts, openai/. choose-engine.ts picks one.
 */
import type { JobOptions } from '../../protocol/job-options.ts';
import type { OptionName } from '../../protocol/option-names.ts';
import type { Transcript } from '../../protocol/transcript.ts';
import type { Heard } from '../quality/heard.ts';

export interface Engine {
  /** Its name on the command line: `pocketsphinx`, `whisper.cpp`, `exec`. */
  readonly name: string;
  /**
   * The options of jobs that it knows; `engine_options` are checked by itself. With `channels`, which the worker does for it
   * (../channels/), if there is ffmpeg. Default: none.
   */
  readonly options?: readonly OptionName[];
  /** As its options say. */
  readonly limits?: EngineLimits;

  /**
   * The other options with which it transcribes audio a second time if the first transcript is suspect, for the log;
   * undefined if it has none.
   */
  readonly second_try?: string;

  /**
   * Checks that the engine can work here, and returns the capabilities to register; a model that it loads for this stays loaded.
   * Called before the first claim, and again when a job has failed by what may be the engine's fault. Throws EngineError
   * `engine_missing` (with the command that installs it) or `engine_crashed`.
   */
  prepare(options?: { signal?: AbortSignal }): Promise<EngineCapabilities>;

  /** What it is made of, once it is prepared, with versions: `faster-whisper`, `python`; null if unknown. Default: nothing. */
  versions?(): Readonly<Record<string, string | null>>;

  /** Produces one transcript; the header lists the possible ends. Calls may overlap. */
  transcribe(task: TranscribeTask, options: TranscribeOptions): Promise<Transcript>;

  /** Ends what it keeps between two calls, and with it calls that are not over. It can be used again. */
  close?(): Promise<void>;
}

/** When it is ended because it takes too long. */
export type EngineLimits = {
  /** Without progress. Default: by its pace; see stall.ts. */
  stall_ms?: number | 'off';
  /** In all: a time, or a multiple of the length of the recording. Default: none. */
  job?: { ms: number } | { times: number };
};

/** The `capabilities` of a worker. */
export type EngineCapabilities = {
  model: string;
  /** `remote`: a server elsewhere. */
  device: 'cpu' | 'cuda' | 'remote';
  /** Whether the engine computes on a GPU in reduced precision. */
  gpu_optimized: boolean;
  /** Chunks of audio decoded at once; 1 if the engine has no batches. */
  batch_size: number;
};

export type TranscribeTask = {
  /** A local file of any format; the engine finds out whether it can read it. */
  audio_path: string;
  /** As far as it is known before the engine has read it: advice; null if unknown. */
  duration_seconds: number | null;
  /** An existing directory for this call alone. */
  work_directory: string;
  /** Maximum number of chunks at once: `capabilities.batch_size`, or less after running out of memory. */
  batch_size: number;
  /** How the job wants it; only options that the engine knows. */
  options?: JobOptions;
  /** With the options of the second try. Default false. */
  second_try?: boolean;
};

export type EngineStage = 'WAITING_FOR_ENGINE' | 'LOADING_MODEL' | 'TRANSCRIBING';

export type TranscribeOptions = {
  signal: AbortSignal;
  /** Called at each change. An engine that begins at once need not call it. */
  onStage?: (stage: EngineStage) => void;
  onProgress: (progress: EngineProgress) => void;
  /** Called with each line that the engine prints, which may be about another job if it has several. */
  onLog?: (line: string) => void;
  /** Called once the engine has read the audio: its length is the one that counts. */
  onAudio?: (audio: { duration_seconds: number }) => void;
  /** Called with what can be heard in the audio, if the engine measures it. */
  onHeard?: (heard: Heard) => void;
};

export type EngineProgress = {
  /** 0 to 100, of the length of the audio. */
  percentage: number;
  /** Chunks done, from 0, and their total. */
  current_chunk: number;
  total_chunks: number;
};

/** Whether the reason of an abort is that the engine makes no progress. It is then killed, and not asked to stop. */
export function isHang(reason: unknown): boolean {
  const { code, why } = (reason ?? {}) as { code?: unknown; why?: unknown };
  return code === 'engine_stalled' || why === 'hung';
}

/** Why an attempt failed on the worker's side; the code alone decides whether another attempt can help. */
const RETRYABLE = {
  gpu_out_of_memory: true, // with half the batch size
  gpu_unavailable: true,
  engine_crashed: true,
  engine_missing: true, // another worker may have it
  engine_broken: true, // a crash, after which its self-check failed, too
  engine_stalled: true,
  engine_unreachable: true, // a server elsewhere
  engine_choice_invalid: true, // the value of --engine; another worker may have a right one
  disk_full: true, // another worker may have space
  option_not_supported: false, // an option of the job
  audio_unreachable: true, // a network error, a busy server
  audio_not_found: false,
  audio_forbidden: false,
  audio_too_large: false,
  audio_empty: false, // no samples
  not_audio: false, // text, an archive, a picture
  no_audio_track: false,
  audio_truncated: false,
  audio_unreadable: false,
  audio_unsupported: false,
  audio_url_invalid: false,
  audio_url_expired: false, // a new URL is needed
} as const satisfies Record<string, boolean>;

export type EngineErrorCode = keyof typeof RETRYABLE;

/** The only error of engines and of the code that downloads and reads audio. */
export class EngineError extends Error {
  readonly code: EngineErrorCode;
  readonly retryable: boolean;
  /** What the owner can do. */
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
