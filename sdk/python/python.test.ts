/** The Python SDK, by Python's own tools: style, types, and its tests against real monitors and workers. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ensurePythonEnvironment } from '../../agent/python/environment.ts';
import { motoEnvironment } from '../../test/servers/moto.ts';
import { jobRunnersEnvironment } from '../../test/setup/job-runners.ts';
import { pythonSdkEnvironment } from '../../test/setup/python-sdk.ts';

const DIRECTORY = fileURLToPath(new URL('.', import.meta.url));
const PLACES = ['.', '../../examples/python'];
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

const { python } = await ensurePythonEnvironment(await pythonSdkEnvironment());
// Its tests look for these where this puts them.
await ensurePythonEnvironment(motoEnvironment);
await ensurePythonEnvironment(jobRunnersEnvironment);

/** Runs a module of the environment to its end; its output is the failure's message. */
async function runs(module: string, ...args: string[]): Promise<void> {
  const env = { ...process.env, PYTHONPATH: join(DIRECTORY, 'src'), PYTHONDONTWRITEBYTECODE: '1' };
  const options = { cwd: DIRECTORY, env, maxBuffer: OUTPUT_BYTES_MAX };
  const { code, output } = await new Promise<{ code: unknown; output: string }>((resolve) => {
    execFile(python, ['-m', module, ...args], options, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : error.code, output: stdout + stderr }),
    );
  });
  assert.equal(code, 0, `python -m ${module} ${args.join(' ')}\n${output}`);
}

test('ruff has nothing to say of the Python SDK and its examples', async () => {
  await runs('ruff', 'check', '--quiet', ...PLACES);
  await runs('ruff', 'format', '--check', '--quiet', ...PLACES);
});

test('mypy, strict, finds no wrong type in the Python SDK and its examples', () => runs('mypy'));

test("[A55] [A56] [A57] [A58] [A59] [A91] [A92] [A93] [A94] [A95] [A96] pytest: the documents' programs, every operation, the feed, workers, reporters, the reconciler, the mock", () =>
  runs('pytest', '-q'));
