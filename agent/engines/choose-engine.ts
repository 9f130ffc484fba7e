/**
 * Chooses the engine: the one named by `--engine`, or the best that works on this machine.
 *
 *     whisper.cpp?model=/models/ggml-small.bin&language=en
 *     faster-whisper?model=large-v3&device=cuda&batch_size=16
 *     faster-whisper?stall_timeout=5m&job_timeout=10x            of any but exec
 *     faster-whisper?python=private&model=tiny.en
 *     faster-whisper?jobs_per_process=500&memory_growth=2&idle=10m   of the engines in Python
 *     openai-whisper?model=turbo
 *     pocketsphinx
 *     openai:http://127.0.0.1:8000/v1?model=large-v3
 *     exec:my-transcriber {input} --out {output}
 */
import { type Engine, type EngineCapabilities, EngineError, type EngineLimits } from './engine.ts';
import { type EngineName, optionsOf } from './engine-options.ts';
import { createExec } from './exec.ts';
import { createFasterWhisper } from './faster-whisper.ts';
import { isProgramPresent } from './find-program.ts';
import {
  JOB_TIMEOUT_HINT,
  readJobTimeout,
  readStallTimeout,
  readTime,
  STALL_TIMEOUT_HINT,
  TIME_HINT,
} from './limits.ts';
import { createOpenaiApi } from './openai/openai-api.ts';
import { createOpenaiWhisper } from './openai-whisper.ts';
import { createPocketsphinx } from './pocketsphinx.ts';
import type { ProcessOptions } from './python-engine.ts';
import { createWhisperCpp } from './whisper-cpp.ts';

/** The options that may follow `?`, and their parsers. */
type Options = { [name: string]: string | number | undefined };

type Choice = {
  create: (options: Options, process: ProcessOptions) => Engine;
  /** One GPU of several may be named: `cuda:1`. */
  numbered_gpus?: boolean;
};

/** Best first: the order in which `findEngine` tries them. */
const ENGINES: Readonly<Partial<Record<EngineName, Choice>>> = {
  'whisper.cpp': { create: createWhisperCpp },
  'faster-whisper': { create: createFasterWhisper, numbered_gpus: true },
  'openai-whisper': { create: createOpenaiWhisper, numbered_gpus: true },
  pocketsphinx: { create: createPocketsphinx },
};

/** A server, named by its URL. */
const OPENAI: Choice = { create: createOpenaiApi };

const HINT = `one of ${Object.keys(ENGINES).join(', ')}, openai:URL, "exec:command {input} {output}"; most take ?model=…&language=…&device=…`;

const PROCESS_OPTIONS = ['jobs_per_process', 'memory_growth', 'idle'];

/** Parses the value of `--engine`, for so many jobs at once. Throws EngineError `engine_choice_invalid`. */
export function parseEngine(text: string, parallel = 1): Engine {
  if (text.startsWith('exec:')) return createExec({ command: text.slice('exec:'.length) });
  const [name = '', query = ''] = text.split(/\?(.*)/s);
  const [, url] = /^openai:(.*)$/.exec(name) ?? [];
  const choice = url !== undefined ? OPENAI : Object.hasOwn(ENGINES, name) ? ENGINES[name as EngineName] : undefined;
  if (choice === undefined) throw invalid(`unknown engine ${JSON.stringify(name)}`, HINT);
  const known = optionsOf(url !== undefined ? 'openai:' : (name as EngineName));

  const options: Options = url ? { url } : {};
  let limits: EngineLimits = {};
  let lives: ProcessOptions = { parallel };
  for (const [key, value] of new URLSearchParams(query)) {
    if (!known.includes(key))
      throw invalid(`${name} has no option ${JSON.stringify(key)}`, `its options are ${known.join(', ')}`);
    if (key === 'stall_timeout' || key === 'job_timeout') limits = { ...limits, ...readLimit(key, value) };
    else if (PROCESS_OPTIONS.includes(key)) lives = { ...lives, ...readProcessOption(key, value) };
    else options[key] = readOption(key, value, choice);
  }
  return { ...choice.create(options, lives), limits };
}

export type FoundEngine = {
  /** The value of `--engine` that chooses it. */
  choice: string;
  engine: Engine;
  capabilities: EngineCapabilities;
  /** The engines before it in the order, and why each was skipped. */
  passed_over: { name: string; reason: string }[];
};

/** Prepares the engine of a value of `--engine`, of which `auto` finds one, for so many jobs at once. Throws EngineError. */
export async function prepareEngine(choice: string, parallel = 1): Promise<FoundEngine> {
  if (choice === 'auto') return findEngine(Object.keys(ENGINES), parallel);
  const engine = parseEngine(choice, parallel);
  const capabilities = await engine.prepare();
  return { choice, engine: await withChannels(engine), capabilities, passed_over: [] };
}

/** The worker itself separates channels, for any engine, if it has ffmpeg. */
async function withChannels(engine: Engine): Promise<Engine> {
  if (!(await isProgramPresent('ffmpeg'))) return engine;
  return { ...engine, options: [...(engine.options ?? []), 'channels'] };
}

/**
 * Returns the first engine that works here, ready to use. Each is actually tried, because an installed one may lack its
 * model. Throws EngineError `engine_missing` if none works.
 */
export async function findEngine(
  choices: readonly string[] = Object.keys(ENGINES),
  parallel = 1,
): Promise<FoundEngine> {
  const passed_over: FoundEngine['passed_over'] = [];
  for (const choice of choices) {
    try {
      return { ...(await prepareEngine(choice, parallel)), passed_over };
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      passed_over.push({ name: parseEngine(choice).name, reason: error.message });
    }
  }
  const reasons = passed_over.map(({ name, reason }) => `${name}: ${reason.split('\n')[0]}`);
  throw new EngineError('engine_missing', `no speech recognition engine works here (${reasons.join('; ')})`, {
    hint: 'install Python 3.10 or newer: pocketsphinx is then installed automatically',
  });
}

function readLimit(key: 'stall_timeout' | 'job_timeout', value: string): EngineLimits {
  if (key === 'stall_timeout') {
    const stall_ms = readStallTimeout(value);
    if (stall_ms == null) throw invalid(`stall_timeout is ${value}`, STALL_TIMEOUT_HINT);
    return { stall_ms };
  }
  const job = readJobTimeout(value);
  if (job == null) throw invalid(`job_timeout is ${value}`, JOB_TIMEOUT_HINT);
  return { job };
}

function readProcessOption(key: string, value: string): ProcessOptions {
  if (key === 'idle') {
    const idle_ms = readTime(value);
    if (idle_ms === null) throw invalid(`idle is ${value}`, TIME_HINT);
    return { idle_ms };
  }
  const number = Number(value);
  if (key === 'memory_growth') {
    if (!(number > 1)) throw invalid(`memory_growth is ${value}`, 'a factor above 1, of its memory after loading');
    return { memory_growth: number };
  }
  if (!Number.isSafeInteger(number) || number < 1) throw invalid(`${key} is ${value}`, 'a whole number of at least 1');
  return { jobs_per_process: number };
}

function readOption(key: string, value: string, { numbered_gpus = false }: Choice): string | number {
  if (key === 'device' && !(numbered_gpus ? /^(cpu|cuda(:\d{1,3})?)$/ : /^(cpu|cuda)$/).test(value)) {
    const one = numbered_gpus ? 'device=cuda:1 for one of several GPUs' : 'choose a GPU with CUDA_VISIBLE_DEVICES';
    throw invalid(`device is ${value}`, `device=cpu or device=cuda; ${one}`);
  }
  const least = { batch_size: 1, device_index: 0 }[key];
  if (least === undefined) return value;
  const number = Number(value);
  if (value === '' || !Number.isSafeInteger(number) || number < least)
    throw invalid(`${key} is ${value}`, `a whole number of at least ${least}`);
  return number;
}

function invalid(message: string, hint: string): EngineError {
  return new EngineError('engine_choice_invalid', `--engine: ${message}`, { hint });
}
