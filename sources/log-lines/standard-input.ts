/** Lines piped to standard input: `journalctl -f | tmon logs watch`. They can be read only once. */
import type { Readable } from 'node:stream';
import { type LogBatch, type LogOptions, type LogReader, LogSource } from './log.ts';
import { LineScanner } from './scan.ts';

export function openStandardInput(options: LogOptions & { stream?: Readable } = {}): LogSource {
  return new LogSource(new StandardInput(options));
}

class StandardInput implements LogReader {
  readonly poll_ms = null;
  readonly name = 'log:';
  readonly #options: LogOptions & { stream?: Readable };

  constructor(options: LogOptions & { stream?: Readable }) {
    this.#options = options;
  }

  async *read({ signal }: { signal: AbortSignal }): AsyncGenerator<LogBatch> {
    const { zone = 0, now = Date.now, stream = process.stdin } = this.#options;
    if (stream.readableEnded || stream.destroyed) return;
    const scanner = new LineScanner({ zone, now_ms: now() });
    const stop = () => stream.destroy();
    signal.addEventListener('abort', stop, { once: true });
    try {
      for await (const chunk of stream) {
        const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : (chunk as Buffer);
        yield { ...scanner.push(bytes), position: null, otherwise_ms: now() };
      }
      // The pipe ended with the process.
      yield { ...scanner.takeHalf(), position: null, otherwise_ms: now() };
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      signal.removeEventListener('abort', stop);
    }
    signal.throwIfAborted();
  }

  async close(): Promise<void> {
    (this.#options.stream ?? process.stdin).destroy();
  }
}
