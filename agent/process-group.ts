/**
 * Runs a program in a process group of its own, so that it can be ended with everything it started.
 *
 *     running      stdout and stderr are read line by line, or stdout goes to a stream; stdin is closed, or written to
 *     ended        the program exited; processes it left in its group are killed
 *     stopping     the signal aborted: SIGTERM to the group, SIGKILL after the grace period; then it rejects with the signal's reason
 *
 * If this process dies meanwhile, its guardian (guardian.ts) kills the group.
 *
 * Memory is bounded: a line longer than LINE_CHARACTERS_MAX is cut, and only the last lines of stderr are kept.
 * A descendant that starts its own session (a daemon) leaves the group and can't be followed.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { StringDecoder } from 'node:string_decoder';
import { startGuardian } from './guardian.ts';

export type ProcessGroupRequest = {
  /** The program, searched for in PATH unless it has a slash, and its arguments. No shell. */
  command: readonly [program: string, ...args: string[]];
  directory: string;
  /** Added to this process's environment. */
  environment?: Readonly<Record<string, string>>;
  signal: AbortSignal;
  /** Called with each line, without its end; `\r` ends a line too, as in progress bars. Must not throw. */
  onLine?: (line: string, stream: 'stdout' | 'stderr') => void;
  /** Takes the bytes of stdout. If it fails, the group is killed, and the promise rejects with its error. */
  stdoutTo?: Writable;
  /** Called with stdin once the program has been started; what is written to it after the program's end is lost. */
  onStdin?: (stdin: Writable) => void;
  /** Time between SIGTERM and SIGKILL. Default 5000. */
  kill_grace_ms?: number;
};

export type ProcessEnd = {
  /** Null if a signal ended it. */
  exit_code: number | null;
  exit_signal: NodeJS.Signals | null;
  /** The last lines of stderr, joined by newlines. */
  stderr_tail: string;
};

const LINE_CHARACTERS_MAX = 64 * 1024;
const STDERR_TAIL_LINES = 40;
const STDERR_TAIL_LINE_CHARACTERS = 1000;
const KILL_GRACE_MS = 5000;
/** How long the output may stay open after the program's end: only a daemon that left the group holds it longer. */
const OUTPUT_CLOSE_MS = 2000;

/**
 * Resolves when the program has ended and its group is empty. Rejects with the spawn error (ENOENT, EACCES), or if
 * aborted.
 */
export function runProcessGroup(request: ProcessGroupRequest): Promise<ProcessEnd> {
  const { signal } = request;
  if (signal.aborted) return Promise.reject(signal.reason);
  const [program, ...args] = request.command;

  return new Promise((resolve, reject) => {
    const guardian = startGuardian();
    const child = spawn(program, args, {
      cwd: request.directory,
      env: { ...process.env, ...request.environment, ...guardian.environment },
      stdio: [request.onStdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      detached: true, // setsid: the child leads a new group whose id is its pid
    }) as ChildProcessByStdio<Writable | null, Readable, Readable>;
    if (child.pid !== undefined) guardian.watch(child.pid);
    if (child.stdin !== null) {
      child.stdin.on('error', () => {}); // the program has ended, which is reported
      request.onStdin?.(child.stdin);
    }
    const tail: string[] = [];
    const readers = {
      stdout: new LineReader((line) => request.onLine?.(line, 'stdout')),
      stderr: new LineReader((line) => {
        tail.push(line.slice(0, STDERR_TAIL_LINE_CHARACTERS));
        if (tail.length > STDERR_TAIL_LINES) tail.shift();
        request.onLine?.(line, 'stderr');
      }),
    };
    let failed: Error | undefined;
    let received: Promise<void> | undefined;
    if (request.stdoutTo === undefined) child.stdout.on('data', (bytes: Buffer) => readers.stdout.write(bytes));
    else {
      received = pipeline(child.stdout, request.stdoutTo).catch((error: Error) => {
        failed = error;
        if (child.pid !== undefined) signalGroup(child.pid, 'SIGKILL');
      });
    }
    child.stderr.on('data', (bytes: Buffer) => readers.stderr.write(bytes));

    let killTimer: NodeJS.Timeout | undefined;
    let closeTimer: NodeJS.Timeout | undefined;
    const stop = () => {
      if (child.pid === undefined) return;
      signalGroup(child.pid, 'SIGTERM');
      const { pid } = child;
      killTimer = setTimeout(() => signalGroup(pid, 'SIGKILL'), request.kill_grace_ms ?? KILL_GRACE_MS);
    };
    signal.addEventListener('abort', stop, { once: true });
    const settle = () => {
      guardian.release();
      clearTimeout(killTimer);
      clearTimeout(closeTimer);
      signal.removeEventListener('abort', stop);
    };

    child.on('error', (error) => {
      settle();
      reject(error);
    });
    child.on('exit', () => {
      // The leader has ended; after a stop the others keep their grace period, otherwise they are killed now.
      if (child.pid !== undefined && !signal.aborted) signalGroup(child.pid, 'SIGKILL');
      closeTimer = setTimeout(
        () => {
          child.stdout.destroy();
          child.stderr.destroy();
        },
        OUTPUT_CLOSE_MS + (signal.aborted ? (request.kill_grace_ms ?? KILL_GRACE_MS) : 0),
      );
    });
    child.on('close', async (exit_code, exit_signal) => {
      if (child.pid !== undefined) signalGroup(child.pid, 'SIGKILL');
      settle();
      readers.stdout.end();
      readers.stderr.end();
      await received;
      if (signal.aborted) reject(signal.reason);
      else if (failed !== undefined) reject(failed);
      else resolve({ exit_code, exit_signal, stderr_tail: tail.join('\n') });
    });
  });
}

/** An empty group is not an error (macOS reports EPERM if only zombies are left). */
function signalGroup(leader: number, name: NodeJS.Signals): void {
  try {
    process.kill(-leader, name);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ESRCH' && code !== 'EPERM') throw error;
  }
}

class LineReader {
  readonly #onLine: (line: string) => void;
  readonly #decoder = new StringDecoder('utf8');
  #partial = '';

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  write(bytes: Buffer): void {
    const pieces = this.#decoder.write(bytes).split(/[\r\n]/);
    const last = pieces.pop() ?? '';
    for (const piece of pieces) {
      this.#append(piece);
      this.#emit();
    }
    this.#append(last);
  }

  end(): void {
    this.#append(this.#decoder.end());
    this.#emit();
  }

  #append(text: string): void {
    this.#partial += text.slice(0, LINE_CHARACTERS_MAX - this.#partial.length);
  }

  #emit(): void {
    const line = this.#partial;
    this.#partial = '';
    if (line !== '') this.#onLine(line);
  }
}
