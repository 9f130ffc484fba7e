/**
 * An engine whose program is one of our scripts in python/; worker_protocol.py documents their protocol. The adapters
 * of Python libraries are descriptions for this.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { OptionName } from '../../protocol/option-names.ts';
import type { Transcript } from '../../protocol/transcript.ts';
import { type Clock, systemClock } from '../clock.ts';
import { diskFull } from '../disk-space.ts';
import type { Heard } from '../quality/heard.ts';
import {
  type Engine,
  type EngineCapabilities,
  EngineError,
  type TranscribeOptions,
  type TranscribeTask,
} from './engine.ts';
import { readTranscriptJson } from './read-transcript.ts';
import { isFull, steadyProgress } from './run-engine-program.ts';
import type { AudioRead, Ready } from './warm/messages.ts';
import { WarmProcess } from './warm/warm-process.ts';

export type PythonEngineDescription = {
  name: string;
  /** The interpreter that has the library. */
  python: () => Promise<string>;
  script: `transcribe_${string}.py`;
  /** With which the script loads its model and transcribes. */
  options: Readonly<Record<string, string | number | undefined>>;
  process: ProcessOptions;
  /** Whether one loaded model transcribes several recordings at once; otherwise each has a process with its own. */
  shares_model: boolean;
  install_hint: string;
  /** The options of jobs that the script knows. */
  job_options?: readonly OptionName[];
  /** Options of the second try, and what they are, for the log. Default: none. */
  second_try?: { what: string; options: Readonly<Record<string, string | number | boolean>> };
  /** Converts the audio to what the script reads; returns the path. Default: the file itself. */
  prepareAudio?: (task: TranscribeTask, signal: AbortSignal) => Promise<string>;
};

/** How the processes of an engine live; the defaults are those of WarmProcessOptions. */
export type ProcessOptions = {
  /** Jobs at once. Default 1. */
  parallel?: number;
  jobs_per_process?: number;
  /** Default MEMORY_GROWTH. */
  memory_growth?: number;
  idle_ms?: number;
  clock?: Clock;
};

/** What every Whisper library knows. */
export const WHISPER_OPTIONS = [
  'language',
  'task',
  'prompt',
  'word_timestamps',
  'temperature',
  'engine_options',
] as const satisfies readonly OptionName[];

const MEMORY_GROWTH = 3;

export function createPythonEngine(description: PythonEngineDescription): Engine {
  const { name, install_hint, options, shares_model } = description;
  const { parallel = 1, memory_growth = MEMORY_GROWTH, clock = systemClock, ...lives } = description.process;
  const script = fileURLToPath(new URL(`python/${description.script}`, import.meta.url));
  const processes = Array.from(
    { length: shares_model ? 1 : parallel },
    () =>
      new WarmProcess({
        engine: name,
        command: async () => [await description.python(), script],
        options,
        parallel: shares_model ? parallel : 1,
        install_hint,
        memory_growth,
        clock,
        ...lives,
      }),
  );
  let known: Pick<Ready, 'capabilities' | 'versions'> | undefined;

  async function load(signal: AbortSignal): Promise<Pick<Ready, 'capabilities' | 'versions'>> {
    known = await processes[0]!.prepare(signal);
    return known;
  }

  async function prepare({ signal }: { signal?: AbortSignal } = {}): Promise<EngineCapabilities> {
    return (await load(signal ?? new AbortController().signal)).capabilities;
  }

  async function transcribe(task: TranscribeTask, given: TranscribeOptions): Promise<Transcript> {
    const { signal, onProgress, onAudio, onHeard, onStage, onLog } = given;
    const audio_path = description.prepareAudio ? await description.prepareAudio(task, signal) : task.audio_path;
    const output_path = join(task.work_directory, 'transcript.json');
    const report = steadyProgress(onProgress);
    let audio_read: AudioRead | undefined;
    await leastBusy(processes).transcribe({
      audio_path,
      output_path,
      options: {
        ...options,
        batch_size: task.batch_size,
        job: task.options ?? {},
        ...(task.second_try === true ? description.second_try?.options : {}),
      },
      batch_size: task.batch_size,
      signal,
      onStage: onStage ?? (() => {}),
      onProgress: report,
      onAudio(audio) {
        audio_read = audio;
        onAudio?.({ duration_seconds: audio.duration_seconds });
      },
      onLog: onLog ?? (() => {}),
    });
    const { capabilities, versions } = known ?? (await load(signal));
    const { model } = capabilities;
    const engine_version = versions[name] ?? undefined;
    const json = await readFile(output_path, 'utf8').catch(() => '');
    const { duration_seconds, warnings } = audio_read ?? { duration_seconds: task.duration_seconds, warnings: [] };
    const measured = audio_read !== undefined;
    const facts = { engine: `${name} ${model}`, engine_version, model, duration_seconds, measured };
    const transcript = readTranscriptJson(json, facts);
    if (transcript === null) throw await outputMissing(name, task.work_directory);
    const heard = readHeard(json, transcript);
    if (heard !== null) onHeard?.(heard);
    return warnings.length === 0 ? transcript : { ...transcript, warnings };
  }

  async function close(): Promise<void> {
    await Promise.all(processes.map((one) => one.close()));
  }

  const second_try = description.second_try && { second_try: description.second_try.what };
  return {
    name,
    options: description.job_options ?? [],
    prepare,
    versions: () => known?.versions ?? {},
    transcribe,
    close,
    ...second_try,
  };
}

/** The first of those with the fewest jobs: one that is loaded already, as long as it has none. */
function leastBusy(processes: readonly WarmProcess[]): WarmProcess {
  return processes.reduce((least, one) => (one.load < least.load ? one : least));
}

async function outputMissing(name: string, directory: string): Promise<EngineError> {
  const what = `${name}: a result, but no transcript`;
  return (await isFull(directory)) ? diskFull(what) : new EngineError('engine_crashed', what);
}

/** Null if the script could not say what is heard. */
function readHeard(json: string, { duration_seconds }: Transcript): Heard | null {
  const { heard } = JSON.parse(json) as { heard?: Partial<Heard> | null };
  if (!Array.isArray(heard?.level_db)) return null;
  return { duration_seconds, level_db: heard.level_db, voice: heard.voice ?? null };
}
