/** Finds a whisper.cpp model in the usual places. */
import { readdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

const DIRECTORIES = [
  'models', // in a clone, where download-ggml-model.sh puts them
  join(homedir(), '.cache', 'whisper.cpp'),
  join(homedir(), 'whisper.cpp', 'models'),
  '/usr/local/share/whisper.cpp/models',
  '/usr/share/whisper.cpp/models',
];

/** Preference within a directory: good enough on any machine before better but slow. Then any other model. */
const SIZES = [
  'base.en',
  'base',
  'small.en',
  'small',
  'tiny.en',
  'tiny',
  'medium.en',
  'medium',
  'large-v3-turbo',
  'large-v3',
];

/** The path of a `ggml-….bin`, or null. */
export async function findWhisperModel(directories: readonly string[] = DIRECTORIES): Promise<string | null> {
  for (const directory of directories) {
    const names = await readdir(directory).catch(() => []);
    const models = names.filter((name) => /^ggml-(?!silero).+\.bin$/.test(name)).sort(); // silero only detects speech
    const best = SIZES.map((size) => `ggml-${size}.bin`).find((name) => models.includes(name)) ?? models[0];
    if (best !== undefined) return resolve(directory, best);
  }
  return null;
}
