/**
 * PocketSphinx 5: English, no GPU, no model to download, so it works on every machine with Python; for the demo and for
 * tests. Takes about a quarter of the audio's length on one core, with far more wrong words than Whisper.
 */
import { readFile } from 'node:fs/promises';
import { asPlainWav } from '../audio/convert-audio.ts';
import { ensurePythonEnvironment, PythonEnvironmentError } from '../python/environment.ts';
import { type Engine, EngineError } from './engine.ts';
import { createPythonEngine } from './python-engine.ts';

export type PocketsphinxOptions = {
  /** A Python that has pocketsphinx. Default: a private environment is created. */
  python?: string;
};

const REQUIREMENTS = new URL('python/pocketsphinx.requirements.txt', import.meta.url);

export function createPocketsphinx(options: PocketsphinxOptions = {}): Engine {
  const { python } = options;
  return createPythonEngine({
    name: 'pocketsphinx',
    python: python === undefined ? privatePython : async () => python,
    script: 'transcribe_pocketsphinx.py',
    options: {},
    install_hint: 'pip install pocketsphinx',
    prepareAudio: (task, signal) => asPlainWav({ ...task, signal }),
  });
}

/** The pip requirements of the engine. */
export async function pocketsphinxRequirements(): Promise<string[]> {
  const lines = (await readFile(REQUIREMENTS, 'utf8')).split('\n').map((line) => line.trim());
  return lines.filter((line) => line !== '' && !line.startsWith('#'));
}

async function privatePython(): Promise<string> {
  try {
    const requirements = await pocketsphinxRequirements();
    return (await ensurePythonEnvironment({ name: 'pocketsphinx', requirements })).python;
  } catch (error) {
    if (!(error instanceof PythonEnvironmentError)) throw error;
    throw new EngineError('engine_missing', `pocketsphinx: ${error.message}`, { hint: error.hint, cause: error });
  }
}
