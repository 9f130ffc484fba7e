/**
 * `node test/packages/python-main.ts [--python PATH …]`: builds the wheel and the source distribution of the Python SDK, has twine and
 * pyright check them, and installs the wheel into an empty environment of each given Python (default: every one from 3.10 on that is on
 * the path or in pyenv), where a worker of examples/python transcribes a recording. Prints sizes and times; exit code 1 if anything
 * fails. Some minutes; not part of npm test.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { globSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Cleaning, startProgram, startTestMonitor, temporaryDirectory } from '../processes/tmon.ts';
import { transcriptBy } from './transcribe.ts';

const ROOT = new URL('../../', import.meta.url).pathname;
const TYPED_PERCENT_MIN = 99;

const { values } = parseArgs({ options: { python: { type: 'string', multiple: true, default: knownPythons() } } });
const cleaning: (() => void | Promise<void>)[] = [];
const t: Cleaning = { after: (run) => void cleaning.unshift(run) };
try {
  const folder = temporaryDirectory(t);
  const tools = environment(values.python[0]!, join(folder, 'tools'));
  run(tools('pip'), ['install', '-q', 'build', 'hatchling', 'twine==7.0.0']);
  const packed = join(folder, 'packed');
  run(tools('python'), ['-m', 'build', '--no-isolation', '-o', packed, join(ROOT, 'sdk/python')]);
  const files = globSync(`${packed}/*`).sort();
  assert.equal(files.length, 2);
  run(tools('twine'), ['check', '--strict', ...files]);
  for (const file of files)
    console.log(`${file.slice(packed.length + 1)}: ${(statSync(file).size / 1000).toFixed(0)} kB`);
  const wheel = files.find((file) => file.endsWith('.whl'))!;

  for (const [at, python] of values.python.entries()) {
    const installed = environment(python, join(folder, `environment-${at}`));
    run(installed('pip'), ['install', '-q', `${wheel}[worker]`, 'pocketsphinx>=5.0.4,<=5.1.1']);
    const version = run(installed('python'), ['-c', 'import sys; print(*sys.version_info[:3], sep=".")']).trim();
    const began_ms = performance.now();
    run(installed('python'), ['-c', 'import transcription_monitor']);
    const import_ms = performance.now() - began_ms;
    console.log(
      `Python ${version}: "${await transcribe(installed('python'))}"; imported in ${import_ms.toFixed(0)} ms`,
    );
    if (at === 0) checkTypes(installed, folder);
  }
} finally {
  for (const clean of cleaning) await clean();
}

async function transcribe(python: string): Promise<string> {
  const { url } = await startTestMonitor(t);
  const directory = temporaryDirectory(t);
  const worker = startProgram(t, python, [join(ROOT, 'examples/python/pocketsphinx_worker.py')], {
    directory,
    environment: { TMON_SERVER: url },
  });
  const text = await transcriptBy(t, url);
  worker.kill('SIGTERM');
  assert.equal((await worker.ended).code, 0);
  return `${text.slice(0, 60)}…`;
}

/** pyright looks for the package in the environment that it runs in. */
function checkTypes(installed: (program: string) => string, folder: string): void {
  run(installed('pip'), ['install', '-q', 'pyright==1.1.414']);
  const PATH = `${join(installed('python'), '..')}:${process.env.PATH}`;
  const args = ['--verifytypes', 'transcription_monitor', '--ignoreexternal', '--outputjson'];
  const { stdout } = spawnSync(installed('pyright'), args, {
    cwd: folder,
    env: { ...process.env, PATH },
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  const percent = 100 * JSON.parse(stdout).typeCompleteness.completenessScore;
  console.log(`pyright --verifytypes: ${percent.toFixed(1)} %`);
  assert.ok(percent >= TYPED_PERCENT_MIN);
}

function environment(python: string, folder: string): (program: string) => string {
  run(python, ['-m', 'venv', folder]);
  return (program) => join(folder, 'bin', program);
}

function knownPythons(): string[] {
  const found = [...globSync('/usr/bin/python3.*'), ...globSync(join(homedir(), '.pyenv/versions/3.*/bin/python3'))];
  return found.filter((path) => {
    const { stdout } = spawnSync(path, ['-c', 'import sys, ensurepip; print(sys.version_info >= (3, 10))'], {
      encoding: 'utf8',
    });
    return stdout?.trim() === 'True';
  });
}

function run(program: string, args: readonly string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}
