/**
 * An engine whose program is one of our scripts in python/; worker_protocol.py documents their protocol. The adapters
 * of Python libraries are descriptions for this.
 */
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Transcript, TranscriptWarning } from '../../protocol/transcript.ts';
import type { Heard } from '../quality/heard.ts';
import {
  type Engine,
  type EngineCapabilities,
  EngineError,
  type EngineErrorCode,
  type EngineProgress,
  type TranscribeOptions,
  type TranscribeTask,
} from './engine.ts';
import { readTranscriptJson } from './read-transcript.ts';
import { engineFailure, outputFailure, runEngineProgram, steadyProgress } from './run-engine-program.ts';

export type PythonEngineDescription = {
  name: string;
  /** The interpreter that has the library. */
  python: () => Promise<string>;
  script: `transcribe_${string}.py`;
  /** The script's OPTIONS. */
  options: Readonly<Record<string, string | number | undefined>>;
  install_hint: string;
  /** Options of the second try, and what they are, for the log. Default: none. */
  second_try?: { what: string; options: Readonly<Record<string, string | number | boolean>> };
  /** Converts the audio to what the script reads; returns the path. Default: the file itself. */
  prepareAudio?: (task: TranscribeTask, signal: AbortSignal) => Promise<string>;
};

export function createPythonEngine(description: PythonEngineDescription): Engine {
  const { name, install_hint } = description;
  let known: EngineCapabilities | undefined;

  /** Runs the script; returns how it ended, and its own messages. */
  async function runScript(
    verb: { args: string[]; directory: string; options: object; batch_size: number; signal: AbortSignal },
    onEvent: (event: ScriptEvent) => void,
  ) {
    const script = fileURLToPath(new URL(`python/${description.script}`, import.meta.url));
    let failure: Extract<ScriptEvent, { event: 'failure' }> | undefined;
    const request = {
      engine: name,
      command: [await description.python(), script, ...verb.args, JSON.stringify(verb.options)] as const,
      directory: verb.directory,
      signal: verb.signal,
      batch_size: verb.batch_size,
      install_hint,
      onLine: (line: string, stream: 'stdout' | 'stderr') => {
        const event = stream === 'stdout' ? readEvent(line) : null;
        if (event?.event === 'failure') failure = event;
        else if (event !== null) onEvent(event);
      },
    };
    try {
      return { request, end: await runEngineProgram(request) };
    } catch (error) {
      if (failure === undefined || verb.signal.aborted) throw error;
      const hint = failure.hint ?? (failure.code === 'engine_missing' ? install_hint : undefined);
      throw new EngineError(failure.code, `${name}: ${failure.message}`, { cause: error, ...(hint && { hint }) });
    }
  }

  async function prepare({ signal }: { signal?: AbortSignal } = {}): Promise<EngineCapabilities> {
    let reported: EngineCapabilities | undefined;
    const verb = {
      args: ['capabilities'],
      directory: tmpdir(),
      options: description.options,
      batch_size: 1,
      signal: signal ?? new AbortController().signal,
    };
    const { request, end } = await runScript(verb, (event) => {
      if (event.event === 'capabilities') reported = event;
    });
    if (reported === undefined) throw engineFailure(request, end, 'it did not report its capabilities');
    const { model, device, gpu_optimized, batch_size } = reported;
    known = { model, device, gpu_optimized, batch_size };
    return known;
  }

  async function transcribe(task: TranscribeTask, options: TranscribeOptions): Promise<Transcript> {
    const { signal, onProgress, onAudio, onHeard } = options;
    const { model } = known ?? (await prepare());
    const audio = description.prepareAudio ? await description.prepareAudio(task, signal) : task.audio_path;
    const output = join(task.work_directory, 'transcript.json');
    const report = steadyProgress(onProgress);
    const verb = {
      args: ['transcribe', audio, output],
      directory: task.work_directory,
      options: {
        ...description.options,
        batch_size: task.batch_size,
        ...(task.second_try === true ? description.second_try?.options : {}),
      },
      batch_size: task.batch_size,
      signal,
    };
    let audio_read: AudioEvent | undefined;
    const { request, end } = await runScript(verb, (event) => {
      if (event.event === 'progress') report(event);
      if (event.event !== 'audio') return;
      audio_read = event;
      onAudio?.({ duration_seconds: event.duration_seconds });
    });
    const json = await readFile(output, 'utf8').catch(() => '');
    const { duration_seconds, warnings = [] } = audio_read ?? { duration_seconds: task.duration_seconds };
    const measured = audio_read !== undefined;
    const transcript = readTranscriptJson(json, { engine: `${name} ${model}`, duration_seconds, measured });
    if (transcript === null) throw await outputFailure(request, end, 'exit code 0, but no transcript');
    const heard = readHeard(json, transcript);
    if (heard !== null) onHeard?.(heard);
    return warnings.length === 0 ? transcript : { ...transcript, warnings };
  }

  return { name, prepare, transcribe, ...(description.second_try && { second_try: description.second_try.what }) };
}

/** What the script has decoded. */
type AudioEvent = { event: 'audio'; duration_seconds: number; warnings?: TranscriptWarning[] };

type ScriptEvent =
  | AudioEvent
  | ({ event: 'capabilities' } & EngineCapabilities)
  | ({ event: 'progress' } & EngineProgress)
  | { event: 'failure'; code: EngineErrorCode; message: string; hint?: string };

/** Null if the script could not say what is heard. */
function readHeard(json: string, { duration_seconds }: Transcript): Heard | null {
  const { heard } = JSON.parse(json) as { heard?: Partial<Heard> | null };
  if (!Array.isArray(heard?.level_db)) return null;
  return { duration_seconds, level_db: heard.level_db, voice: heard.voice ?? null };
}

/** Null for lines printed by a library. */
function readEvent(line: string): ScriptEvent | null {
  if (!line.startsWith('{"event": ')) return null;
  try {
    return JSON.parse(line) as ScriptEvent;
  } catch {
    return null;
  }
}
