/** Requirements of the Python SDK and its tests, in a private Python environment. */
import { ensurePythonEnvironment, type PythonEnvironmentRequest } from '../../agent/python/environment.ts';
import { readRequirements } from '../../agent/python/requirements.ts';
import type { SetupStep } from './step.ts';

const REQUIREMENTS = new URL('../../sdk/python/requirements-dev.txt', import.meta.url);

export async function pythonSdkEnvironment(): Promise<PythonEnvironmentRequest> {
  return { name: 'sdk-python', requirements: await readRequirements(REQUIREMENTS) };
}

export const pythonSdk: SetupStep = {
  name: 'Python SDK',
  async run() {
    const { bin } = await ensurePythonEnvironment(await pythonSdkEnvironment());
    return `its requirements in ${bin}`;
  },
};
