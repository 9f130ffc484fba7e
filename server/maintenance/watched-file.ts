/**
 * A configuration file: read at the start, which fails if it is invalid, and again when it changes or on SIGHUP. If it is
 * invalid then, what it said before stays, the log has every problem, and the alert `config_invalid` is raised.
 */
import { readFile, stat } from 'node:fs/promises';
import type { MonitorError } from '../../protocol/errors.ts';
import type { Clock } from '../clock.ts';
import { Duty } from './duty.ts';

/** Interval between looks at whether the file has changed. */
const LOOK_MS = 2_000;

/** Each problem with its place. */
export type Contents<T> = { value: T; problems?: undefined } | { problems: readonly string[]; value?: undefined };

export type WatchedFileOptions<T> = {
  /** For the log: `alert rules`. */
  name: string;
  /** Empty: there is no file, and `otherwise` stays. */
  path: string;
  /** Other files that `read` reads: a change of one is a change of this. */
  also?: readonly string[];
  otherwise: T;
  read: (text: string) => Contents<T> | Promise<Contents<T>>;
  /** What is thrown if it is invalid at the start. */
  refuse: (problems: string) => MonitorError;
  clock: Clock;
  log: (level: 'info' | 'warn', message: string) => void;
};

export class WatchedFile<T> {
  readonly #options: WatchedFileOptions<T>;
  #value: T;
  #stamp = '';
  #problem: string | null = null;
  #apply: (value: T) => void = () => {};

  static async open<T>(options: WatchedFileOptions<T>): Promise<WatchedFile<T>> {
    const file = new WatchedFile(options);
    if (options.path === '') return file;
    const contents = await file.#read();
    if (contents.problems) throw options.refuse(contents.problems.join('; '));
    file.#value = contents.value;
    return file;
  }

  private constructor(options: WatchedFileOptions<T>) {
    this.#options = options;
    this.#value = options.otherwise;
  }

  get value(): T {
    return this.#value;
  }

  /** Why the file could not be reloaded; null if it could; undefined without a file. */
  get problem(): string | null | undefined {
    return this.#options.path === '' ? undefined : this.#problem;
  }

  /** Calls `apply` whenever the file has changed. */
  onChange(apply: (value: T) => void): void {
    this.#apply = apply;
  }

  /** Reads the file again if it has changed; with `always`, in any case. */
  async reload({ always = false } = {}): Promise<void> {
    const { name, path, log } = this.#options;
    if (path === '') return;
    if (!always && (await this.#stampNow()) === this.#stamp) return;
    const contents = await this.#read();
    if (contents.problems) {
      this.#problem = contents.problems.join('; ');
      log('warn', `the earlier ${name} stay: ${this.#problem}`);
      return;
    }
    this.#value = contents.value;
    this.#problem = null;
    log('info', `read the ${name} of ${path}`);
    this.#apply(contents.value);
  }

  duty(): Duty {
    const { name, clock, log } = this.#options;
    return new Duty({
      name,
      clock,
      failure_ms: LOOK_MS,
      log,
      run: async () => {
        await this.reload();
        return { again_ms: LOOK_MS };
      },
    });
  }

  async #stampNow(): Promise<string> {
    const { path, also = [] } = this.#options;
    return (await Promise.all([path, ...also].map(stampOf))).join(', ');
  }

  async #read(): Promise<Contents<T>> {
    const { path, read } = this.#options;
    // Before the text: a change in between is read next time.
    this.#stamp = await this.#stampNow();
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch (error) {
      return { problems: [`${path}:1:1: it cannot be read: ${(error as Error).message}`] };
    }
    return read(text);
  }
}

async function stampOf(path: string): Promise<string> {
  const found = await stat(path).catch(() => null);
  return found === null ? 'missing' : `${found.mtimeMs} ${found.size} ${found.ino}`;
}
