/** Runs one of our recogniser scripts in python/ as an engine's program; worker_protocol.py tells what the two say to each other. */
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Transcript } from '../../protocol/transcript.ts';
import { type EngineCapabilities, EngineError, type TranscribeOptions, type TranscribeTask } from './engine.ts';
import { readTranscriptJson } from './read-transcript.ts';
import { engineFailure, runEngineProgram, steadyProgress } from './run-engine-program.ts';

export type PythonProgram = {
  engine: string;
  python: string;
  script: `transcribe_${string}.py`;
  /** What the script gets as its OPTIONS. */
  options: Readonly<Record<string, string | number | null>>;
  install_hint: string;
};

/** Asks the script what it can do; that loads its libraries, and its model where the script says so. */
export async function askCapabilities(program: PythonProgram): Promise<EngineCapabilities> {
  let answer: EngineCapabilities | undefined;
  const request = {
    engine: program.engine,
    command: commandOf(program, ['capabilities']),
    directory: tmpdir(),
    signal: new AbortController().signal,
    batch_size: 1,
    install_hint: program.install_hint,
    onLine: (line: string, stream: string) => {
      const event = stream === 'stdout' ? readEvent(line) : null;
      if (event?.event === 'capabilities') answer = event;
    },
  };
  const end = await runEngineProgram(request).catch((error: unknown) => {
    if (!(error instanceof EngineError) || !/ModuleNotFoundError|ImportError/.test(error.message)) throw error;
    throw new EngineError('engine_missing', error.message, { hint: program.install_hint, cause: error });
  });
  if (answer === undefined) throw engineFailure(request, end, 'it did not tell its capabilities');
  const { model, device, gpu_optimized, batch_size } = answer;
  return { model, device, gpu_optimized, batch_size };
}

export type PythonTask = TranscribeTask & {
  /** Who made it, for the transcript: `pocketsphinx en-us`. */
  made_by: string;
};

export async function transcribeInPython(
  program: PythonProgram,
  task: PythonTask,
  options: TranscribeOptions,
): Promise<Transcript> {
  const output = join(task.work_directory, 'transcript.json');
  const onProgress = steadyProgress(options.onProgress);
  let failure: { code: 'audio_unreadable' | 'audio_unsupported'; message: string } | undefined;
  const request = {
    engine: program.engine,
    command: commandOf({ ...program, options: { ...program.options, batch_size: task.batch_size } }, [
      'transcribe',
      task.audio_path,
      output,
    ]),
    directory: task.work_directory,
    signal: options.signal,
    batch_size: task.batch_size,
    install_hint: program.install_hint,
    onLine: (line: string, stream: string) => {
      const event = stream === 'stdout' ? readEvent(line) : null;
      if (event?.event === 'progress') onProgress(event);
      if (event?.event === 'failure') failure = event;
    },
  };
  const end = await runEngineProgram(request).catch((error: unknown) => {
    if (failure === undefined || options.signal.aborted) throw error;
    throw new EngineError(failure.code, `${program.engine}: ${failure.message}`, { cause: error });
  });
  const json = await readFile(output, 'utf8').catch(() => '');
  const facts = { engine: task.made_by, duration_seconds: task.duration_seconds };
  const transcript = readTranscriptJson(json, facts);
  if (transcript === null) throw engineFailure(request, end, 'it ended well but left no transcript');
  return transcript;
}

function commandOf(program: PythonProgram, args: string[]): [string, ...string[]] {
  const script = fileURLToPath(new URL(`python/${program.script}`, import.meta.url));
  return [program.python, script, ...args, JSON.stringify(program.options)];
}

type ScriptEvent =
  | ({ event: 'capabilities' } & EngineCapabilities)
  | { event: 'progress'; percentage: number; current_chunk: number; total_chunks: number }
  | { event: 'failure'; code: 'audio_unreadable' | 'audio_unsupported'; message: string };

/** Null for what a library printed beside our lines. */
function readEvent(line: string): ScriptEvent | null {
  if (!line.startsWith('{"event": ')) return null;
  try {
    return JSON.parse(line) as ScriptEvent;
  } catch {
    return null;
  }
}
