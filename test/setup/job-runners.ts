/** RQ, Celery and gunicorn, in which the Python SDK's tests run a reporter as its users do. */
import { ensurePythonEnvironment, type PythonEnvironmentRequest } from '../../agent/python/environment.ts';
import type { SetupStep } from './step.ts';

/** With what the SDK itself depends on, and one driver. */
export const jobRunnersEnvironment: PythonEnvironmentRequest = {
  name: 'job-runners',
  requirements: [
    'celery==5.7.0',
    'gunicorn==27.0.1',
    'httpx==0.28.1',
    'packaging==26.4',
    'pydantic==2.14.3',
    'redis==8.1.0',
    'rq==3.0.0',
    'typing_extensions==4.16.0',
    'websockets==16.0;python_version<"3.11"',
    'websockets==17.4;python_version>="3.11"',
  ],
};

export const jobRunners: SetupStep = {
  name: 'job runners',
  async run() {
    const { bin } = await ensurePythonEnvironment(jobRunnersEnvironment);
    return `RQ, Celery and gunicorn in ${bin}`;
  },
};
