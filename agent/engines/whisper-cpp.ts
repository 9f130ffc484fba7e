/**
 * whisper.cpp through its program `whisper-cli`.
 *
 * Observed behaviour of the real program, built from its source of August 2026 and run on its empty test models and on
 * one of random weights:
 * - it exits with 0 if it can't read the audio or doesn't know the language: only the JSON file proves a transcript;
 * - `-pp` prints `whisper_print_progress_callback: progress =  27%` on stderr after each window of 30 s; the last one
 * is padded, so
 *   short audio exceeds 100 %, and times may exceed the audio's length;
 * - in the JSON, segments end with tokens like `[_TT_634]`, which are times, not words;
 * - it prints `main: processing 'x.wav' (253890 samples, 15.9 sec), …` on stderr once it has read the audio;
 * - for an invalid model it exits with 3;
 * - it reads WAV, MP3 and FLAC of any rate, and Ogg Vorbis; nothing else.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { Transcript } from '../../protocol/transcript.ts';
import { asPlainWav } from '../audio/convert-audio.ts';
import { type Engine, EngineError, type TranscribeOptions, type TranscribeTask } from './engine.ts';
import { isProgramPresent } from './find-program.ts';
import { assembleTranscript, type TranscriptFacts } from './read-transcript.ts';
import { chunksAt, outputFailure, runEngineProgram, steadyProgress } from './run-engine-program.ts';
import { findWhisperModel } from './whisper-cpp-model.ts';

export type WhisperCppOptions = {
  /** Path of a model file. Default: searched for in the usual places. */
  model?: string;
  /** ISO 639-1. Default: detected from the first 30 s. */
  language?: string;
  /** `cpu` disables the GPU. */
  device?: 'cpu' | 'cuda';
  /** Default: `whisper-cli` in PATH. */
  program?: string;
};

/** Without Ogg, which may contain Opus. */
const READS = ['wav', 'mp3', 'flac'] as const;
/** Of every Whisper model; it converts what it reads. */
const SAMPLES_PER_SECOND = 16_000;
const INSTALL_HINT = 'build whisper.cpp and add its whisper-cli to PATH (macOS: brew install whisper-cpp)';
const MODEL_HINT = `pass a model file: --engine 'whisper.cpp?model=/path/ggml-base.en.bin' (whisper.cpp's models/download-ggml-model.sh fetches one)`;

export function createWhisperCpp(options: WhisperCppOptions = {}): Engine {
  const program = options.program ?? 'whisper-cli';

  async function modelPath(): Promise<string> {
    const model = options.model ?? (await findWhisperModel());
    if (model === null) throw new EngineError('engine_missing', 'whisper.cpp: no model found', { hint: MODEL_HINT });
    return model;
  }

  /** Runs it on one file; returns the JSON, or null. */
  async function run(
    audio: string,
    task: Omit<TranscribeTask, 'audio_path'>,
    { signal, onProgress, onAudio, onLog }: TranscribeOptions,
  ) {
    const model = await modelPath();
    const output = join(task.work_directory, 'whisper');
    const report = steadyProgress(onProgress);
    const seen: { gpu: boolean; unreadable: boolean; unknownLanguage: boolean; seconds: number | null } = {
      ...{ gpu: false, unreadable: false, unknownLanguage: false, seconds: null },
    };
    const request = {
      engine: 'whisper.cpp',
      command: [
        program,
        ...['-m', model, '-f', audio, '-l', options.language ?? 'auto'],
        ...['-ojf', '-of', output, '-pp'],
        ...(options.device === 'cpu' ? ['-ng'] : []),
        ...(task.second_try === true ? ['-mc', '0'] : []),
      ] as const,
      directory: task.work_directory,
      signal,
      batch_size: task.batch_size,
      install_hint: INSTALL_HINT,
      onLog,
      onLine: (line: string) => {
        const percentage = /progress\s*=\s*(\d+)\s*%/.exec(line)?.[1];
        const samples = /processing '.*' \((\d+) samples/.exec(line)?.[1];
        if (samples !== undefined) {
          seen.seconds = Number(samples) / SAMPLES_PER_SECOND;
          onAudio?.({ duration_seconds: seen.seconds });
          report(chunksAt(0, { duration_seconds: seen.seconds }));
        }
        if (percentage !== undefined)
          report(
            chunksAt(Math.min(100, Number(percentage)), { duration_seconds: seen.seconds ?? task.duration_seconds }),
          );
        if (/failed to (read audio|read WAV|open .* as WAV)|input file not found/.test(line)) seen.unreadable = true;
        if (/unknown language/.test(line)) seen.unknownLanguage = true;
        if (/using \w*(cuda|rocm|hip|vulkan|metal|sycl)\w* backend/i.test(line)) seen.gpu = true;
      },
    };
    const end = await runEngineProgram(request);
    if (seen.unknownLanguage) {
      throw new EngineError('engine_choice_invalid', `whisper.cpp does not support language ${options.language}`, {
        hint: 'use a code like en or de, or omit it for detection',
      });
    }
    const json = await readFile(`${output}.json`, 'utf8').catch(() => null);
    return { model, request, end, json, seen };
  }

  return {
    name: 'whisper.cpp',
    second_try: 'each window by itself',

    /** With an empty file it loads the model, detects the GPU, and exits. */
    async prepare({ signal = new AbortController().signal } = {}) {
      if (!(await isProgramPresent(program))) {
        throw new EngineError('engine_missing', `whisper.cpp: program ${program} not found`, { hint: INSTALL_HINT });
      }
      const directory = await mkdtemp(join(tmpdir(), 'tmon-whisper-'));
      try {
        const audio = join(directory, 'nothing.wav');
        await writeFile(audio, '');
        const task = { duration_seconds: 0, work_directory: directory, batch_size: 1 };
        const { model, seen } = await run(audio, task, { signal, onProgress: () => {} });
        return {
          model: basename(model),
          device: seen.gpu ? 'cuda' : 'cpu',
          gpu_optimized: seen.gpu,
          batch_size: 1,
        };
      } catch (error) {
        throw asMissingModel(error);
      } finally {
        await rm(directory, { recursive: true, force: true });
      }
    },

    async transcribe(task, options) {
      const audio = await asPlainWav({ ...task, signal: options.signal, leave: READS });
      const { model, request, end, json, seen } = await run(audio, task, options);
      if (seen.unreadable) throw new EngineError('audio_unreadable', 'whisper.cpp cannot read the audio');
      if (json === null) throw await outputFailure(request, end, 'exit code 0, but no transcript');
      const measured = seen.seconds !== null;
      const duration_seconds = seen.seconds ?? task.duration_seconds;
      if (duration_seconds === 0) throw new EngineError('audio_empty', 'the recording is empty: it has no sound');
      const facts = { engine: `whisper.cpp ${basename(model)}`, model: basename(model), duration_seconds, measured };
      const transcript = readWhisperJson(json, facts);
      if (transcript === null) throw await outputFailure(request, end, 'its JSON is not a transcript');
      return transcript;
    },
  };
}

function asMissingModel(error: unknown): unknown {
  if (!(error instanceof EngineError) || !/failed to (open|load model)|failed to initialize/.test(error.message))
    return error;
  return new EngineError('engine_missing', error.message, { hint: MODEL_HINT, cause: error });
}

type WhisperJson = {
  result?: { language?: string };
  transcription?: { offsets: { from: number; to: number }; text: string; tokens?: { text: string; p: number }[] }[];
};

/** Parses the output of `-ojf`. Offsets are milliseconds; special tokens such as `[_BEG_]` are skipped. */
export function readWhisperJson(json: string, facts: TranscriptFacts): Transcript | null {
  let value: WhisperJson;
  try {
    // It escapes quotes and backslashes but not control characters, which may appear in its strings.
    value = JSON.parse(json.replace(/\p{Cc}/gu, ' ')) as WhisperJson;
  } catch {
    return null;
  }
  if (!Array.isArray(value?.transcription)) return null;
  const segments = value.transcription.map(({ offsets, text, tokens }) => {
    const spoken = (tokens ?? []).filter((token) => !token.text.startsWith('[_'));
    const confidence = spoken.length === 0 ? null : spoken.reduce((sum, token) => sum + token.p, 0) / spoken.length;
    return { start_seconds: offsets.from / 1000, end_seconds: offsets.to / 1000, text, confidence };
  });
  return assembleTranscript(segments, { ...facts, language: value.result?.language ?? null });
}
