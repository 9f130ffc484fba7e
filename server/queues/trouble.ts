/** Current failures of the queue, by operation: logged when they begin and end, shown by /readyz. */
import type { QueueLog } from './queue-engine.ts';

export class QueueTrouble {
  readonly #url: string;
  readonly #log: QueueLog;
  readonly #problems = new Map<string, string>();

  constructor(url: string, log: QueueLog) {
    this.#url = url;
    this.#log = log;
  }

  get problem(): string | null {
    const [first = null] = this.#problems.values();
    return first;
  }

  /** Runs an operation; undefined if it failed. */
  async attempt<T>(operation: string, run: () => Promise<T>): Promise<T | undefined> {
    try {
      const result = await run();
      this.#end(operation);
      return result;
    } catch (error) {
      this.#begin(operation, error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  #begin(operation: string, message: string): void {
    if (!this.#problems.has(operation)) {
      this.#log('warn', `queue ${this.#url}: ${operation} fails, and is retried: ${message}`);
    }
    this.#problems.set(operation, message);
  }

  #end(operation: string): void {
    if (this.#problems.delete(operation)) this.#log('info', `queue ${this.#url}: ${operation} succeeds again`);
  }
}
