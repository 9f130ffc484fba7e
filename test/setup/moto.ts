/** moto_server, in a private Python environment. */
import { ensurePythonEnvironment } from '../../agent/python/environment.ts';
import { motoEnvironment } from '../servers/moto.ts';
import type { SetupStep } from './step.ts';

export const moto: SetupStep = {
  name: 'moto_server',
  async run() {
    const { bin } = await ensurePythonEnvironment(motoEnvironment);
    return `${motoEnvironment.requirements.join(' ')} in ${bin}`;
  },
};
