/** Messages between the worker and an engine's process, one JSON object a line; python/worker_protocol.py documents them. */
import type { TranscriptWarning } from '../../../protocol/transcript.ts';
import type { EngineCapabilities, EngineErrorCode, EngineProgress } from '../engine.ts';

export type ToProcess =
  | { do: 'load'; options: object; parallel: number }
  | { do: 'transcribe'; id: string; audio_path: string; output_path: string; options: object }
  | { do: 'cancel'; id: string }
  | { do: 'check'; id: string };

/** The model is loaded. */
export type Ready = {
  capabilities: EngineCapabilities;
  /** Of Python and of the engine's packages; null if unknown. */
  versions: Record<string, string | null>;
  /** Jobs that it can transcribe at once. */
  parallel: number;
  /** Null if the system doesn't say. */
  memory_bytes: number | null;
};

/** What the process has decoded. */
export type AudioRead = { duration_seconds: number; warnings: TranscriptWarning[] };

export type Failed =
  | { code: EngineErrorCode; message: string; hint?: string }
  /** An exception without a code. */
  | { trace: string };

export type FromProcess =
  | ({ event: 'ready' } & Ready)
  | ({ event: 'audio'; id: string } & AudioRead)
  | ({ event: 'progress'; id: string } & EngineProgress)
  | Ended
  /** The model could not be loaded. */
  | ({ event: 'error'; id?: undefined } & Failed);

/** The end of a job, or of a check. */
export type Ended =
  | { event: 'result'; id: string; memory_bytes: number | null }
  | { event: 'cancelled'; id: string }
  | ({ event: 'error'; id: string } & Failed);

/** Begins a line of the log after which it has nothing more about the job whose id follows. */
export const LOG_END = '\x1e';

export const toLine = (message: ToProcess): string => `${JSON.stringify(message)}\n`;

/** Null for a line that is none, as a program in front of the script may print. */
export function readMessage(line: string): FromProcess | null {
  if (!line.startsWith('{"event": ')) return null;
  try {
    return JSON.parse(line) as FromProcess;
  } catch {
    return null;
  }
}
