/** The speech recognition engine that tests and the demo fall back on, in its private Python environment. */
import { pocketsphinxRequirements } from '../../agent/engines/pocketsphinx.ts';
import { ensurePythonEnvironment } from '../../agent/python/environment.ts';
import type { SetupStep } from './step.ts';

export const pocketsphinx: SetupStep = {
  name: 'pocketsphinx',
  async run() {
    const { bin } = await ensurePythonEnvironment({
      name: 'pocketsphinx',
      requirements: await pocketsphinxRequirements(),
    });
    return bin;
  },
};
