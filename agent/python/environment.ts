/**
 * A private Python environment (a venv) for parts in Python: a speech recognition engine, a test's S3 server.
 *
 * It is stored at `<directory>/<name>-<hash of the requirements>`, created on first use and kept; other requirements
 * are another environment. Any number of processes may request it at once: one builds, the others wait (environment.py
 * holds the lock).
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheDirectory } from '../../installation/own-files.ts';

export type PythonEnvironmentRequest = {
  /** Names the directory: lower-case letters, digits, hyphens. */
  name: string;
  /** The lines of a requirements file: `pocketsphinx==5.1.1`, hashes and options too. */
  requirements: readonly string[];
  /** Where environments are kept. Default: `.cache/python` of this repository. */
  directory?: string;
  /** Pythons to try, in order. Default: `python3`, then others by version. */
  interpreters?: readonly string[];
};

export type PythonEnvironment = {
  /** The environment's interpreter. */
  python: string;
  /** The directory of the requirements' programs. */
  bin: string;
};

/** No usable Python, or pip failed; see message and hint. */
export class PythonEnvironmentError extends Error {
  readonly hint: string;

  constructor(message: string, hint: string) {
    super(message);
    this.name = 'PythonEnvironmentError';
    this.hint = hint;
  }
}

const DEFAULT_DIRECTORY = join(cacheDirectory(), 'python');
const BUILDER = fileURLToPath(new URL('environment.py', import.meta.url));
const TOO_OLD_STATUS = 69; // environment.py's status for "this Python is too old"

/** `python3` first, because it is the user's default; the others for machines whose python3 is too old. */
const INTERPRETERS = ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.10', 'python3.14'];

/** Returns the environment, building it if it doesn't exist. Throws PythonEnvironmentError. */
export async function ensurePythonEnvironment(request: PythonEnvironmentRequest): Promise<PythonEnvironment> {
  const digest = createHash('sha256').update(JSON.stringify(request.requirements)).digest('hex').slice(0, 12);
  const directory = join(resolve(request.directory ?? DEFAULT_DIRECTORY), `${request.name}-${digest}`);
  const environment = { python: join(directory, 'bin', 'python'), bin: join(directory, 'bin') };
  if (isReady(directory, environment)) return environment;

  let tooOld = false;
  for (const candidate of request.interpreters ?? INTERPRETERS) {
    const ended = await build(candidate, directory, request);
    if (ended.status === 0) return environment;
    if (ended.status === TOO_OLD_STATUS) tooOld = true;
    else if (ended.status !== 'absent') throw new PythonEnvironmentError(...ended.reason);
  }
  throw new PythonEnvironmentError(
    tooOld ? 'Python is too old: 3.10 or newer is required' : 'python3 is not installed on this machine',
    'install Python 3.10 or newer with its venv module (Debian, Ubuntu: apt install python3 python3-venv)',
  );
}

/** Checks the interpreter too: it is a link that dangles if the machine's Python was moved. */
function isReady(directory: string, environment: PythonEnvironment): boolean {
  return existsSync(join(directory, '.ready')) && existsSync(environment.python);
}

type BuildEnd = { status: number | 'absent'; reason: [message: string, hint: string] };

function build(python: string, directory: string, request: PythonEnvironmentRequest): Promise<BuildEnd> {
  return new Promise((resolveEnd, reject) => {
    const child = spawn(python, ['-I', BUILDER, directory, request.name, ...request.requirements], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let tail = '';
    child.stderr.on('data', (chunk: Buffer) => {
      process.stderr.write(chunk);
      tail = (tail + chunk.toString('utf8')).slice(-4000);
    });
    child.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') resolveEnd({ status: 'absent', reason: ['', ''] });
      else reject(error);
    });
    child.on('close', (code, signal) => {
      const [message = '', hint = ''] = tail.trimEnd().split('\n').slice(-2);
      const reason: [string, string] = hint.startsWith('hint: ')
        ? [message, hint.slice('hint: '.length)]
        : [`${python} ended with ${signal ?? code} while creating ${directory}`, 'see the lines above'];
      resolveEnd({ status: code ?? -1, reason });
    });
  });
}
