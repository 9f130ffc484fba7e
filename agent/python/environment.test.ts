import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { ensurePythonEnvironment, PythonEnvironmentError } from './environment.ts';

const run = promisify(execFile);

test('two callers at once get one environment, and its interpreter runs inside it', async (t) => {
  const directory = await temporary(t);
  const request = { name: 'bare', requirements: [], directory };
  const [first, second] = await Promise.all([ensurePythonEnvironment(request), ensurePythonEnvironment(request)]);
  assert.deepEqual(first, second);
  const { stdout } = await run(first.python, ['-c', 'import sys; print(sys.prefix != sys.base_prefix)']);
  assert.equal(stdout.trim(), 'True');
});

test('other requirements are another environment; one that pip refuses leaves nothing behind and has the reason', async (t) => {
  const directory = await temporary(t);
  const requirements = [`${directory}/absent-1.0-py3-none-any.whl`];
  await assert.rejects(ensurePythonEnvironment({ name: 'bad', requirements, directory }), (error) => {
    assert.ok(error instanceof PythonEnvironmentError);
    assert.match(error.message, /pip could not install .*absent-1\.0/);
    return true;
  });
  const left = (await readdir(directory)).filter((name) => !name.endsWith('.lock'));
  assert.deepEqual(left, []);
});

test('a Python that is too old is skipped; if all are, the error names the required version', async (t) => {
  const directory = await temporary(t);
  const old = join(directory, 'python-too-old');
  await writeFile(old, '#!/bin/sh\nexit 69\n');
  await chmod(old, 0o755);
  const request = { name: 'bare', requirements: [], directory };
  await assert.rejects(ensurePythonEnvironment({ ...request, interpreters: [old, join(directory, 'absent')] }), {
    name: 'PythonEnvironmentError',
    message: /too old.*3\.10/,
  });
  const made = await ensurePythonEnvironment({ ...request, interpreters: [old, 'python3'] });
  assert.match(made.python, /bare-[0-9a-f]{12}\/bin\/python$/);
});

async function temporary(t: { after: (run: () => Promise<void>) => void }): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'tmon-python-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}
