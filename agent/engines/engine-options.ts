/**
 * The engines that `tmon worker --engine` can choose, and what may follow `?` in each: one table for choose-engine.ts, which
 * parses them, for `tmon worker --help`, which shows them, and for docs/engines.md, which is checked against it.
 */

/** How `--engine` names it: `openai:` and `exec:` are followed by a URL and a command. */
export type EngineName = 'whisper.cpp' | 'faster-whisper' | 'openai-whisper' | 'pocketsphinx' | 'openai:' | 'exec:';

export type EngineOption = {
  name: string;
  /** The engines that know it. */
  of: readonly EngineName[];
  meaning: string;
  default: string;
};

/** A usual value of `--engine` for each, and what it is. */
export const ENGINE_CHOICES: Readonly<Record<EngineName, readonly [choice: string, what: string]>> = {
  'faster-whisper': [
    'faster-whisper?model=large-v3&device=cuda',
    'Whisper on CTranslate2: the fastest on a GPU, and several jobs at once with one model in memory',
  ],
  'whisper.cpp': ['whisper.cpp?model=/models/ggml-small.bin', 'whisper-cli and a ggml file: no Python'],
  'openai-whisper': ['openai-whisper?model=turbo', 'the original, on PyTorch'],
  pocketsphinx: ['pocketsphinx', 'English, many wrong words; installs itself, for a first try'],
  'openai:': [
    'openai:https://api.groq.com/openai/v1?model=whisper-large-v3',
    "any server with OpenAI's transcription API",
  ],
  'exec:': ['exec:COMMAND {input} {output}', 'any program'],
};

const WHISPERS = ['whisper.cpp', 'faster-whisper', 'openai-whisper'] as const satisfies readonly EngineName[];
const PYTHON = ['faster-whisper', 'openai-whisper', 'pocketsphinx'] as const satisfies readonly EngineName[];

/** In the order in which they are shown. */
export const ENGINE_OPTIONS: readonly EngineOption[] = [
  {
    name: 'model',
    of: [...WHISPERS, 'openai:'],
    meaning: 'a size (large-v3), a directory, a file, or an id on Hugging Face',
    default: 'large-v3 on a GPU, base without one; whisper.cpp: the best file in the usual folders',
  },
  {
    name: 'language',
    of: [...WHISPERS, 'openai:'],
    meaning: 'what is spoken: de. One that the model does not know is refused at the start',
    default: 'detected from the first 30 s',
  },
  {
    name: 'device',
    of: WHISPERS,
    meaning: 'cpu, cuda, or cuda:1 for one of several GPUs (whisper.cpp: CUDA_VISIBLE_DEVICES)',
    default: 'cuda if there is one',
  },
  { name: 'device_index', of: ['faster-whisper'], meaning: 'the number of the GPU, apart from device', default: '0' },
  {
    name: 'compute_type',
    of: ['faster-whisper'],
    meaning: 'float16, int8_float16, int8, …',
    default: 'float16 on a GPU, int8 without one',
  },
  {
    name: 'batch_size',
    of: ['faster-whisper'],
    meaning: 'windows decoded at once, of one recording',
    default: '16 on a GPU, 1 without one',
  },
  {
    name: 'python',
    of: PYTHON,
    meaning:
      'the interpreter that has the library: python=/opt/engine/bin/python; private for an environment that is created (faster-whisper, with tiny.en)',
    default: 'python3; pocketsphinx: private',
  },
  { name: 'program', of: ['whisper.cpp'], meaning: 'the path of whisper-cli', default: 'from PATH' },
  {
    name: 'key_env',
    of: ['openai:'],
    meaning: 'the environment variable with the key',
    default: 'OPENAI_API_KEY',
  },
  {
    name: 'jobs_per_process',
    of: PYTHON,
    meaning: 'the process with the model is replaced after so many jobs',
    default: 'never',
  },
  {
    name: 'memory_growth',
    of: PYTHON,
    meaning: 'it is replaced when it has so many times the memory that it had after loading',
    default: '3',
  },
  { name: 'idle', of: PYTHON, meaning: 'it ends after so long without a job: 10m', default: 'never' },
  {
    name: 'stall_timeout',
    of: [...WHISPERS, 'pocketsphinx', 'openai:'],
    meaning: 'the engine is killed after so long without progress: 5m, or off',
    default: 'by its pace, at least 2 minutes',
  },
  {
    name: 'job_timeout',
    of: [...WHISPERS, 'pocketsphinx', 'openai:'],
    meaning: 'the engine is killed when a job takes longer: 2h, or 10x the recording',
    default: 'none',
  },
];

/** Names, in the order of the table. */
export const optionsOf = (engine: EngineName): string[] =>
  ENGINE_OPTIONS.filter(({ of }) => of.includes(engine)).map(({ name }) => name);

/** `all but exec:`, or the names of the engines. */
export function enginesOf({ of }: EngineOption): string {
  const names = Object.keys(ENGINE_CHOICES) as EngineName[];
  const without = names.filter((name) => !of.includes(name));
  return without.length === 1 ? `all but ${without[0]}` : of.join(', ');
}
