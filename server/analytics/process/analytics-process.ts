/**
 * The analytic service in a process of its own, which is started by a request and ends when nobody has asked for a while. If
 * it dies, what was asked fails and the next request starts another.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { constants, setPriority } from 'node:os';
import { ownProgram } from '../../../installation/own-files.ts';
import { MonitorError } from '../../../protocol/errors.ts';
import { MINUTE_MS } from '../../../protocol/time.ts';
import type { Clock } from '../../clock.ts';
import type { AnalyticsService, QueryResult } from '../analytics.ts';
import { isColumnDamage } from '../columns/healing.ts';
import type { MadeColumns } from '../columns/making.ts';
import type { Query } from '../query.ts';
import { errorOf, type ProcessOptions, type Request, type Response } from './messages.ts';

const PROGRAM = ownProgram('main', import.meta.url);
const IDLE_MS = 10 * MINUTE_MS;
/** For the fold, and the rows that are on their way. */
const BESIDE_MB = 2_048;
/** Added to the monitor's: where both have work, the monitor goes first. */
const NICENESS = 10;

type Asked = { resolve: (result: never) => void; reject: (error: Error) => void };
type Body = Request extends infer R ? (R extends { id: number } ? Omit<R, 'id'> : never) : never;

export class AnalyticsProcess implements AnalyticsService {
  readonly #options: ProcessOptions;
  readonly #clock: Clock;
  readonly #asked = new Map<number, Asked>();
  damaged = false;
  #child: ChildProcess | null = null;
  #ended: Promise<void> = Promise.resolve();
  #cancelIdle: (() => void) | null = null;
  #requests = 0;
  #closed = false;

  constructor(options: ProcessOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  query(query: Query): Promise<QueryResult> {
    return this.#ask<QueryResult>({ type: 'query', query });
  }

  makeColumns(now_ms: number): Promise<MadeColumns | null> {
    return this.#ask<MadeColumns | null>({ type: 'make_columns', now_ms }).then((made) => {
      this.damaged = false;
      return made;
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#end();
    await this.#ended;
  }

  async #ask<T>(body: Body): Promise<T> {
    if (this.#closed) throw new MonitorError('unavailable', 'stopping', 'the monitor is stopping');
    this.#cancelIdle?.();
    const child = this.#child ?? this.#start();
    const id = ++this.#requests;
    try {
      return await new Promise<T>((resolve, reject) => {
        this.#asked.set(id, { resolve, reject });
        child.send({ id, ...body } satisfies Request);
      });
    } finally {
      this.#asked.delete(id);
      if (this.#asked.size === 0 && !this.#closed) this.#cancelIdle = this.#clock.after(IDLE_MS, () => this.#end());
    }
  }

  #start(): ChildProcess {
    const [command, ...args] = limited(this.#options.memory_mb + BESIDE_MB, [
      process.execPath,
      '--disable-warning=ExperimentalWarning',
      PROGRAM,
      JSON.stringify(this.#options),
    ]);
    const child = spawn(command!, args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], serialization: 'advanced' });
    if (process.platform === 'win32') lowerPriority(child);
    this.#child = child;
    child.on('message', (response: Response) => this.#settle(response));
    child.on('error', () => this.#lose(child, 'could not be started'));
    this.#ended = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.#lose(child, `ended (${signal ?? `exit code ${code}`})`);
        resolve();
      });
    });
    return child;
  }

  #settle(response: Response): void {
    const asked = this.#asked.get(response.id);
    if (response.type === 'result') return asked?.resolve(response.result as never);
    const error = errorOf(response.error);
    this.damaged ||= isColumnDamage(error);
    asked?.reject(error);
  }

  #lose(child: ChildProcess, how: string): void {
    if (this.#child !== child) return;
    this.#child = null;
    for (const { reject } of this.#asked.values()) {
      reject(
        new MonitorError('unavailable', 'analytics_ended', `the analytics process ${how}`, {
          hint: 'Ask again; if it needed too much memory, narrow the query or raise --analytics-memory-mb.',
        }),
      );
    }
  }

  /** It ends itself, once it is alone. */
  #end(): void {
    this.#cancelIdle?.();
    if (this.#child?.connected) this.#child.disconnect();
    this.#child = null;
  }
}

function lowerPriority({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // It has ended already.
  }
}

/**
 * The command with a lower priority for all its threads and a limit on its memory, where there is a shell to set them: some functions
 * of DuckDB take memory that its own limit does not count, `list_sum(range(4000000000))` among them.
 */
function limited(memory_mb: number, command: string[]): string[] {
  if (process.platform === 'win32') return command;
  const script = `ulimit -d "$0" 2>/dev/null; command -v nice >/dev/null && set -- nice -n ${NICENESS} "$@"; exec "$@"`;
  return ['/bin/sh', '-c', script, String(memory_mb * 1024), ...command];
}
