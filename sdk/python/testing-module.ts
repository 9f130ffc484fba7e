/** Runs Python's own tools on the Python SDK, in an environment of its own. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensurePythonEnvironment } from '../../agent/python/environment.ts';
import { motoEnvironment } from '../../test/servers/moto.ts';
import { jobRunnersEnvironment } from '../../test/setup/job-runners.ts';
import { pythonSdkEnvironment } from '../../test/setup/python-sdk.ts';

/** A run of pytest is many tests, and each has its own end. */
export const PYTEST_MS = 900_000;

/** Those of python-worker.test.ts, so that they run beside the others. */
export const WORKER_TESTS = [
  'tests/test_bad_responses.py',
  'tests/test_examples.py',
  'tests/test_interruption.py',
  'tests/test_lifetime.py',
  'tests/test_network.py',
  'tests/test_worker.py',
  'tests/test_worker_command.py',
];

const DIRECTORY = fileURLToPath(new URL('.', import.meta.url));
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

/** Runs a module of the environment to its end; its output is the failure's message. */
export async function runModule(module: string, ...args: string[]): Promise<void> {
  const { python } = await ensurePythonEnvironment(await pythonSdkEnvironment());
  const env = { ...process.env, PYTHONPATH: join(DIRECTORY, 'src'), PYTHONDONTWRITEBYTECODE: '1' };
  const options = { cwd: DIRECTORY, env, maxBuffer: OUTPUT_BYTES_MAX };
  const { code, output } = await new Promise<{ code: unknown; output: string }>((resolve) => {
    execFile(python, ['-m', module, ...args], options, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : error.code, output: stdout + stderr }),
    );
  });
  assert.equal(code, 0, `python -m ${module} ${args.join(' ')}\n${output}`);
}

/** pytest finds moto and the runners of jobs where this puts them. */
export async function runPytest(...args: string[]): Promise<void> {
  await ensurePythonEnvironment(motoEnvironment);
  await ensurePythonEnvironment(jobRunnersEnvironment);
  await runModule('pytest', '-q', ...args);
}
