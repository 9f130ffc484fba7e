/** Requirements of the Python SDK and its tests, in a private Python environment. */
import { readFile } from 'node:fs/promises';
import { ensurePythonEnvironment, type PythonEnvironmentRequest } from '../../agent/python/environment.ts';
import type { SetupStep } from './step.ts';

const REQUIREMENTS = new URL('../../sdk/python/requirements-dev.txt', import.meta.url);

export async function pythonSdkEnvironment(): Promise<PythonEnvironmentRequest> {
  const lines = (await readFile(REQUIREMENTS, 'utf8')).split('\n').map((line) => line.trim());
  return { name: 'sdk-python', requirements: lines.filter((line) => line !== '' && !line.startsWith('#')) };
}

export const pythonSdk: SetupStep = {
  name: 'Python SDK',
  async run() {
    const { bin } = await ensurePythonEnvironment(await pythonSdkEnvironment());
    return `its requirements in ${bin}`;
  },
};
