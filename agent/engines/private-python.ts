/** Private Python environments for engines whose requirements are listed in python/. */
import { ensurePythonEnvironment, type PythonEnvironment, PythonEnvironmentError } from '../python/environment.ts';
import { readRequirements } from '../python/requirements.ts';
import { EngineError } from './engine.ts';

export type PackagedEngine = 'faster-whisper' | 'pocketsphinx';

/** Creates it the first time. Throws PythonEnvironmentError. */
export async function engineEnvironment(engine: PackagedEngine): Promise<PythonEnvironment> {
  const file = new URL(`python/${engine}.requirements.txt`, import.meta.url);
  return ensurePythonEnvironment({ name: engine, requirements: await readRequirements(file) });
}

/** The interpreter of the engine's environment. Throws EngineError `engine_missing`. */
export async function privatePython(engine: PackagedEngine): Promise<string> {
  try {
    return (await engineEnvironment(engine)).python;
  } catch (error) {
    if (!(error instanceof PythonEnvironmentError)) throw error;
    throw new EngineError('engine_missing', `${engine}: ${error.message}`, { hint: error.hint, cause: error });
  }
}
