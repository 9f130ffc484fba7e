/**
 * PocketSphinx 5: English, no GPU, no model to download, so it works on every machine with Python; for the demo and for
 * tests. Takes about a quarter of the audio's length on one core, with far more wrong words than Whisper.
 */
import { asPlainWav } from '../audio/convert-audio.ts';
import type { Engine } from './engine.ts';
import { privatePython } from './private-python.ts';
import { createPythonEngine, type ProcessOptions } from './python-engine.ts';

export type PocketsphinxOptions = {
  /** A Python that has pocketsphinx. Default: a private environment is created. */
  python?: string;
};

export function createPocketsphinx({ python }: PocketsphinxOptions = {}, process: ProcessOptions = {}): Engine {
  return createPythonEngine({
    name: 'pocketsphinx',
    python: async () => python ?? (await privatePython('pocketsphinx')),
    script: 'transcribe_pocketsphinx.py',
    options: {},
    process,
    shares_model: false,
    install_hint: 'pip install pocketsphinx',
    prepareAudio: (task, signal) => asPlainWav({ ...task, signal }),
  });
}
