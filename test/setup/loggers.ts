/** The logging libraries whose own lines the tests read, in a private Python environment. */
import { ensurePythonEnvironment } from '../../agent/python/environment.ts';
import type { SetupStep } from './step.ts';

export const loggersEnvironment = {
  name: 'loggers',
  requirements: [
    'absl-py==2.5.1',
    'celery==5.7.0',
    'coloredlogs==15.0.1',
    'gunicorn==27.0.1',
    'loguru==0.7.3',
    'python-json-logger==4.2.0',
    'rich==15.0.0',
    'rq==3.0.0',
    'structlog==26.1.0',
    'uvicorn==0.54.0',
  ],
};

export const loggers: SetupStep = {
  name: 'loggers',
  async run() {
    const { bin } = await ensurePythonEnvironment(loggersEnvironment);
    return `structlog, loguru, uvicorn, gunicorn, celery and others in ${bin}`;
  },
};
