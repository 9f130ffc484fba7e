/** Looks for a model of whisper.cpp where its users keep them. */
import { readdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

const DIRECTORIES = [
  'models', // of a clone, where download-ggml-model.sh puts them
  join(homedir(), '.cache', 'whisper.cpp'),
  join(homedir(), 'whisper.cpp', 'models'),
  '/usr/local/share/whisper.cpp/models',
  '/usr/share/whisper.cpp/models',
];

/** Of several in one directory, the first of these: good enough on any machine before better but slow. Then any other. */
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
    const models = names.filter((name) => /^ggml-(?!silero).+\.bin$/.test(name)).sort(); // silero hears whether, not what
    const best = SIZES.map((size) => `ggml-${size}.bin`).find((name) => models.includes(name)) ?? models[0];
    if (best !== undefined) return resolve(directory, best);
  }
  return null;
}
