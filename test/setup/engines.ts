/** The speech recognition engines of the demo, which tests run too, each in its private Python environment. */
import { engineEnvironment, type PackagedEngine } from '../../agent/engines/private-python.ts';
import type { SetupStep } from './step.ts';

const stepOf = (name: PackagedEngine): SetupStep => ({ name, run: async () => (await engineEnvironment(name)).bin });

export const fasterWhisper = stepOf('faster-whisper');
export const pocketsphinx = stepOf('pocketsphinx');
